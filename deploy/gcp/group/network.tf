# A network of its own: from outside only the balancer and, for people with the right to it, ssh through Google's proxy.

resource "google_compute_network" "main" {
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "main" {
  name                     = var.name
  network                  = google_compute_network.main.id
  ip_cidr_range            = var.subnet_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# The machines have no public address; packages and code come in this way.
resource "google_compute_router" "main" {
  name    = var.name
  network = google_compute_network.main.id
}

resource "google_compute_router_nat" "main" {
  name                               = var.name
  router                             = google_compute_router.main.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

locals {
  balancer_ranges = ["35.191.0.0/16", "130.211.0.0/22"]
  proxy_ranges    = ["35.235.240.0/20"]
}

resource "google_compute_firewall" "balancer" {
  name                    = "${var.name}-balancer"
  network                 = google_compute_network.main.id
  description             = "The balancer's requests and health checks"
  source_ranges           = local.balancer_ranges
  target_service_accounts = [google_service_account.machine.email]

  allow {
    protocol = "tcp"
    ports    = ["80"]
  }
}

resource "google_compute_firewall" "ssh" {
  name                    = "${var.name}-ssh"
  network                 = google_compute_network.main.id
  description             = "ssh through Identity-Aware Proxy"
  source_ranges           = local.proxy_ranges
  target_service_accounts = [google_service_account.machine.email]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
