variable "name" {
  description = "The name of the machine and of what belongs to it."
  type        = string
}

variable "instance_type" {
  description = "Its size."
  type        = string
}

variable "disk_gib" {
  description = "Its disk, which is encrypted."
  type        = number
}

variable "ssh_public_key" {
  description = "Who logs in."
  type        = string
}

variable "ingress" {
  description = "What may come in; everything else may not."
  type = list(object({
    protocol    = string
    port        = number
    networks    = list(string)
    description = string
  }))

  validation {
    condition     = alltrue([for rule in var.ingress : rule.port != 26659])
    error_message = "Port 26659 is never opened: the signer reaches it inside the tunnel."
  }
}

variable "user_data" {
  description = "What it does at its first boot. No secret: whoever may read the instance may read this."
  type        = string

  validation {
    condition     = startswith(var.user_data, "#cloud-config\n")
    error_message = "The user data is that of modules/cloud-init."
  }
}
