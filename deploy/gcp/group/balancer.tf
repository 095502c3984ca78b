# One address, HTTPS, and two ways behind it: the page's visitors stay with their machine, the stateless API goes anywhere.

resource "google_compute_global_address" "main" {
  name = var.name
}

resource "google_compute_managed_ssl_certificate" "main" {
  name = var.name

  managed {
    domains = [var.domain]
  }
}

resource "google_compute_ssl_policy" "main" {
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

# By address, as nginx does it on the machine: Gradio's clients keep no cookies. Affinity counts only with such a policy.
resource "google_compute_backend_service" "page" {
  name                            = "${var.name}-page"
  protocol                        = "HTTP"
  port_name                       = "http"
  load_balancing_scheme           = "EXTERNAL_MANAGED"
  session_affinity                = "CLIENT_IP"
  locality_lb_policy              = "RING_HASH"
  timeout_sec                     = 130
  connection_draining_timeout_sec = 30
  health_checks                   = [google_compute_health_check.main.id]

  backend {
    group           = google_compute_region_instance_group_manager.main.instance_group
    balancing_mode  = "UTILIZATION"
    capacity_scaler = 1
  }
}

resource "google_compute_backend_service" "api" {
  name                            = "${var.name}-api"
  protocol                        = "HTTP"
  port_name                       = "http"
  load_balancing_scheme           = "EXTERNAL_MANAGED"
  session_affinity                = "NONE"
  locality_lb_policy              = "LEAST_REQUEST"
  timeout_sec                     = 130
  connection_draining_timeout_sec = 30
  health_checks                   = [google_compute_health_check.main.id]

  backend {
    group           = google_compute_region_instance_group_manager.main.instance_group
    balancing_mode  = "UTILIZATION"
    capacity_scaler = 1
  }
}

resource "google_compute_url_map" "main" {
  name            = var.name
  default_service = google_compute_backend_service.page.id

  host_rule {
    hosts        = ["*"]
    path_matcher = "all"
  }

  path_matcher {
    name            = "all"
    default_service = google_compute_backend_service.page.id

    path_rule {
      paths   = ["/api/*"]
      service = google_compute_backend_service.api.id
    }
  }
}

resource "google_compute_target_https_proxy" "main" {
  name             = var.name
  url_map          = google_compute_url_map.main.id
  ssl_certificates = [google_compute_managed_ssl_certificate.main.id]
  ssl_policy       = google_compute_ssl_policy.main.id
}

resource "google_compute_global_forwarding_rule" "https" {
  name                  = "${var.name}-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.main.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.main.id
}

# Whoever comes without encryption is sent to the other one.
resource "google_compute_url_map" "redirect" {
  name = "${var.name}-redirect"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "MOVED_PERMANENTLY_DEFAULT"
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "redirect" {
  name    = "${var.name}-redirect"
  url_map = google_compute_url_map.redirect.id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "${var.name}-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.main.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.redirect.id
}
