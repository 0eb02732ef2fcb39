output "validator_address" {
  description = "The validator's address: for peers, and for the tunnel."
  value       = module.validator.address
}

output "signer_address" {
  description = "The signer's address, for SSH only."
  value       = module.signer.address
}

output "next_steps" {
  description = "How the two become a pair. No key passes through this machine or its state."
  value       = <<-TEXT
    On the signer's machine (ssh admin@${module.signer.address}), make the keys of the tunnel:
      sudo -u tmkms tmkms wireguard pair --endpoint ${module.validator.address}:${var.wireguard_port} --signer /var/lib/tmkms/wg0.conf --validator /var/lib/tmkms/validator-wg0.conf
    Carry /var/lib/tmkms/validator-wg0.conf to the validator's machine (ssh admin@${module.validator.address}),
    where it is wg0.conf of the gateway, and remove it on the signer's. Then docs/terraform.md, from "Make them a pair".
  TEXT
}
