variable "name" {
  description = "Begins the names of everything that is made."
  type        = string
  default     = "tmkms"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "A name has lower-case letters, digits and hyphens, begins with a letter, and has at most 31 of them."
  }
}

variable "validator_region" {
  description = "Where the validator's machine stands."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.validator_region))
    error_message = "A region of AWS looks like eu-central-1."
  }
}

variable "signer_region" {
  description = "Where the signer's machine stands. Another region than the validator's outlives the loss of either."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.signer_region))
    error_message = "A region of AWS looks like eu-west-1."
  }
}

variable "ssh_public_key" {
  description = "The public key that logs in to both machines: the content of ~/.ssh/id_ed25519.pub."
  type        = string

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "This is no public key of SSH. A private key must never be given here."
  }
}

variable "ssh_from" {
  description = "From where SSH may come, as networks: [\"203.0.113.7/32\"]."
  type        = list(string)

  validation {
    condition     = length(var.ssh_from) > 0 && alltrue([for network in var.ssh_from : can(cidrnetmask(network)) || can(cidrhost(network, 0))])
    error_message = "Give at least one network, such as 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for network in var.ssh_from : !endswith(network, "/0")])
    error_message = "SSH is not opened to everybody: give the addresses you come from."
  }
}

variable "method" {
  description = "How the programs run: docker (the images of deploy/) or systemd (the units of deploy/systemd)."
  type        = string
  default     = "systemd"

  validation {
    condition     = contains(["docker", "systemd"], var.method)
    error_message = "The method is docker or systemd."
  }
}

variable "package" {
  description = "Where the Debian package of a release is, and its sum from SHA256SUMS. Without it, copy the package to the machines yourself."
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "wireguard_port" {
  description = "The validator's UDP port."
  type        = number
  default     = 51820

  validation {
    condition     = var.wireguard_port >= 1 && var.wireguard_port <= 65535 && floor(var.wireguard_port) == var.wireguard_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "validator_instance_type" {
  description = "The size of the validator's machine."
  type        = string
  default     = "m6i.xlarge"
}

variable "signer_instance_type" {
  description = "The size of the signer's machine. An encrypted key takes 256 MiB for a second when it is opened."
  type        = string
  default     = "t3.micro"
}

variable "validator_disk_gib" {
  description = "The validator's disk: the chain is on it."
  type        = number
  default     = 500

  validation {
    condition     = var.validator_disk_gib >= 20
    error_message = "A node needs 20 GiB at least, and a chain grows."
  }
}

variable "signer_disk_gib" {
  description = "The signer's disk."
  type        = number
  default     = 10

  validation {
    condition     = var.signer_disk_gib >= 8
    error_message = "The system's image needs 8 GiB."
  }
}
