output "address" {
  description = "The machine's address on the internet."
  value       = aws_eip.this.public_ip
}
