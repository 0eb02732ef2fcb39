variable "machine" {
  description = "Whose machine it is."
  type        = string

  validation {
    condition     = contains(["validator", "signer"], var.machine)
    error_message = "The machine is a validator or a signer."
  }
}

variable "method" {
  description = "docker or systemd."
  type        = string
  default     = "systemd"

  validation {
    condition     = contains(["docker", "systemd"], var.method)
    error_message = "The method is docker or systemd."
  }
}

variable "package" {
  description = "Where the Debian package is, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
  default = null

  validation {
    condition     = var.package == null || can(regex("^https://[^'\\s]+$", var.package.url))
    error_message = "The package comes over https."
  }

  validation {
    condition     = var.package == null || can(regex("^[0-9a-f]{64}$", var.package.sha256))
    error_message = "The sum is 64 hexadecimal digits: the line of the package in SHA256SUMS."
  }
}

variable "ssh_from" {
  description = "From where SSH may come, as networks of IPv4 and IPv6."
  type        = list(string)

  validation {
    condition     = length(var.ssh_from) > 0 && alltrue([for network in var.ssh_from : can(cidrhost(network, 0))])
    error_message = "Give at least one network, such as 203.0.113.7/32: nobody could log in otherwise."
  }
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
