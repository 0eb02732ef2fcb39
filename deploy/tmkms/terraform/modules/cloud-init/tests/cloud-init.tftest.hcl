variables {
  machine  = "validator"
  ssh_from = ["203.0.113.7/32", "2001:db8::/64"]
}

run "the_firewall_is_that_of_the_repository" {
  assert {
    condition     = one([for file in yamldecode(output.user_data).write_files : file.content if endswith(file.path, "rules.nft")]) == file("../../../../firewall/validator.nft")
    error_message = "rules.nft is not deploy/firewall/validator.nft"
  }

  assert {
    condition     = strcontains(output.user_data, "define ssh_from = { 203.0.113.7/32 }") && strcontains(output.user_data, "define ssh_from_v6 = { 2001:db8::/64 }")
    error_message = "SSH is not let in from where it was said"
  }
}

run "another_port_of_wireguard_is_opened" {
  variables {
    wireguard_port = 4500
  }

  assert {
    condition     = strcontains(output.user_data, "define wireguard_port = 4500") && !strcontains(output.user_data, "51820")
    error_message = "the port is not 4500"
  }
}

run "nobody_comes_over_a_family_without_networks" {
  variables {
    machine  = "signer"
    ssh_from = ["203.0.113.7/32"]
  }

  assert {
    condition     = strcontains(output.user_data, "define ssh_from_v6 = { ::1 }")
    error_message = "IPv6 is open, though no network of it was given"
  }
}

run "docker_is_installed_after_the_firewall" {
  variables {
    method = "docker"
  }

  assert {
    condition     = yamldecode(output.user_data).runcmd[1][3] == "tmkms-firewall.service" && yamldecode(output.user_data).runcmd[2][3] == "docker.service"
    error_message = "Docker is started before the rules are loaded"
  }
}

run "a_package_is_installed_only_with_its_sum" {
  variables {
    package = {
      url    = "https://example.com/tmkms.deb"
      sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
    }
  }

  assert {
    condition     = strcontains(yamldecode(output.user_data).runcmd[3][2], "sha256sum --check --strict && apt-get install")
    error_message = "the sum is not checked"
  }
}

run "a_package_without_a_right_sum_is_refused" {
  variables {
    package = {
      url    = "https://example.com/tmkms.deb"
      sha256 = "abc"
    }
  }

  command         = plan
  expect_failures = [var.package]
}

run "no_networks_and_wrong_ones_are_refused" {
  variables {
    ssh_from = []
  }

  command         = plan
  expect_failures = [var.ssh_from]
}

run "an_unknown_machine_is_refused" {
  variables {
    machine = "both"
  }

  command         = plan
  expect_failures = [var.machine]
}
