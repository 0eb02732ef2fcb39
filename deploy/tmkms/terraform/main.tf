# Two machines: the validator's, whom its peers and the signer's tunnel may reach, and the signer's,
# whom nobody may. Neither this configuration nor its state holds a key: they are made on the machines.

locals {
  tags = { project = var.name }

  # Each port that is open to a machine, in the security group and once more in the machine's own rules.
  ssh = [{ protocol = "tcp", port = 22, networks = var.ssh_from, description = "SSH from given addresses" }]
  validator_ports = [
    { protocol = "tcp", port = 26656, networks = ["0.0.0.0/0"], description = "peers of the node" },
    { protocol = "udp", port = var.wireguard_port, networks = ["0.0.0.0/0"], description = "the tunnel of the signer" },
  ]
}

module "validator_init" {
  source = "./modules/cloud-init"

  machine        = "validator"
  method         = var.method
  package        = var.package
  ssh_from       = var.ssh_from
  wireguard_port = var.wireguard_port
}

module "signer_init" {
  source = "./modules/cloud-init"

  machine        = "signer"
  method         = var.method
  package        = var.package
  ssh_from       = var.ssh_from
  wireguard_port = var.wireguard_port
}

module "validator" {
  source    = "./modules/aws"
  providers = { aws = aws.validator }

  name           = "${var.name}-validator"
  instance_type  = var.validator_instance_type
  disk_gib       = var.validator_disk_gib
  ssh_public_key = var.ssh_public_key
  ingress        = concat(local.ssh, local.validator_ports)
  user_data      = module.validator_init.user_data
}

module "signer" {
  source    = "./modules/aws"
  providers = { aws = aws.signer }

  name           = "${var.name}-signer"
  instance_type  = var.signer_instance_type
  disk_gib       = var.signer_disk_gib
  ssh_public_key = var.ssh_public_key
  ingress        = local.ssh
  user_data      = module.signer_init.user_data
}
