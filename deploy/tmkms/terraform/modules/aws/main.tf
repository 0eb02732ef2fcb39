# One machine in a network of its own, with one address that stays.

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian's account

  filter {
    name   = "name"
    values = ["debian-13-amd64-*"]
  }

  filter {
    name   = "architecture"
    values = ["x86_64"]
  }

  filter {
    name   = "virtualization-type"
    values = ["hvm"]
  }
}

resource "aws_vpc" "this" {
  cidr_block           = "10.90.0.0/24"
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "this" {
  vpc_id     = aws_vpc.this.id
  cidr_block = aws_vpc.this.cidr_block
  tags       = { Name = var.name }
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = aws_route_table.this.id
}

resource "aws_security_group" "this" {
  name        = var.name
  description = "What may reach the machine"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = var.name }

  dynamic "ingress" {
    for_each = var.ingress

    content {
      description      = ingress.value.description
      protocol         = ingress.value.protocol
      from_port        = ingress.value.port
      to_port          = ingress.value.port
      cidr_blocks      = [for network in ingress.value.networks : network if !strcontains(network, ":")]
      ipv6_cidr_blocks = [for network in ingress.value.networks : network if strcontains(network, ":")]
    }
  }

  egress {
    description = "Everything: packages, the clock, the tunnel"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_key_pair" "this" {
  key_name   = var.name
  public_key = var.ssh_public_key
}

resource "aws_instance" "this" {
  ami                     = data.aws_ami.debian.id
  instance_type           = var.instance_type
  subnet_id               = aws_subnet.this.id
  vpc_security_group_ids  = [aws_security_group.this.id]
  key_name                = aws_key_pair.this.key_name
  user_data               = var.user_data
  disable_api_termination = true
  tags                    = { Name = var.name }

  # Tokens only, and out of reach for containers.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  root_block_device {
    encrypted   = true
    volume_type = "gp3"
    volume_size = var.disk_gib
  }

  # A newer image or another first boot is no reason to throw away a machine that holds a key.
  lifecycle {
    ignore_changes = [ami, user_data]
  }
}

resource "aws_eip" "this" {
  domain   = "vpc"
  instance = aws_instance.this.id
  tags     = { Name = var.name }

  depends_on = [aws_internet_gateway.this]
}
