terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40, < 7.0"
    }
  }
}

provider "aws" {
  alias  = "validator"
  region = var.validator_region

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "signer"
  region = var.signer_region

  default_tags {
    tags = local.tags
  }
}
