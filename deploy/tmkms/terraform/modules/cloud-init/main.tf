# What a machine does at its first boot, for any host that reads cloud-init: the firewall of
# deploy/firewall first, then Docker or the package. It holds no secret.

locals {
  firewall = "${path.module}/../../../../firewall"

  # Sets of nftables cannot be empty; nobody comes from the machine's own loopback addresses.
  v4 = [for network in var.ssh_from : network if !strcontains(network, ":")]
  v6 = [for network in var.ssh_from : network if strcontains(network, ":")]
  settings = replace(replace(replace(file("${local.firewall}/settings.nft"),
    "define ssh_from = { 0.0.0.0/0 }", "define ssh_from = { ${join(", ", length(local.v4) > 0 ? local.v4 : ["127.0.0.1"])} }"),
    "define ssh_from_v6 = { ::/0 }", "define ssh_from_v6 = { ${join(", ", length(local.v6) > 0 ? local.v6 : ["::1"])} }"),
  "define wireguard_port = 51820", "define wireguard_port = ${var.wireguard_port}")

  files = [
    { path = "/etc/tmkms/firewall/settings.nft", content = local.settings },
    { path = "/etc/tmkms/firewall/rules.nft", content = file("${local.firewall}/${var.machine}.nft") },
    { path = "/etc/systemd/system/tmkms-firewall.service", content = file("${local.firewall}/tmkms-firewall.service") },
  ]

  packages = var.method == "docker" ? ["nftables", "git", "docker.io", "docker-cli", "docker-compose"] : ["nftables"]

  # Docker is started when the rules are there.
  rules = [
    ["systemctl", "daemon-reload"],
    ["systemctl", "enable", "--now", "tmkms-firewall.service"],
  ]
  # A package of another sum is not installed.
  package = var.method == "systemd" && var.package != null ? [
    ["curl", "--fail", "--silent", "--show-error", "--location", "--output", "/root/tmkms.deb", var.package.url],
    ["sh", "-c", "echo '${var.package.sha256}  /root/tmkms.deb' | sha256sum --check --strict && apt-get install --yes /root/tmkms.deb"],
  ] : []
  docker = var.method == "docker" ? [["systemctl", "enable", "--now", "docker.service"]] : []
}
