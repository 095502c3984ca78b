output "address" {
  description = "Where the public name must lead (an A record)."
  value       = google_compute_global_address.main.address
}

output "page" {
  description = "The page, once the certificate is issued."
  value       = "https://${var.domain}/"
}
