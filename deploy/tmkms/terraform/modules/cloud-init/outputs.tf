output "user_data" {
  description = "For the host's user data, whichever cloud it is."
  value = "#cloud-config\n${yamlencode({
    package_update  = true
    package_upgrade = true
    packages        = local.packages
    write_files     = [for file in local.files : merge(file, { owner = "root:root", permissions = "0644" })]
    runcmd          = concat(local.rules, local.package, local.docker)
  })}"
}

output "firewall_settings" {
  description = "The settings.nft that is in it."
  value       = local.settings
}
