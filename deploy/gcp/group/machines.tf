# The machines: all alike, made from the startup script, replaced when they fail, more of them when there is more to do.

locals {
  weights = var.weights_bucket == "" ? {} : { HASHSTAGRAM_WEIGHTS = "gs://${var.weights_bucket}/${var.weights_prefix}" }

  settings = merge(
    {
      SERVER_NAME        = var.domain
      BALANCER_ADDRESSES = join(" ", concat(local.balancer_ranges, [google_compute_global_address.main.address]))
    },
    local.weights,
    var.settings,
  )
}

resource "google_compute_instance_template" "main" {
  name_prefix  = "${var.name}-"
  machine_type = var.machine_type

  disk {
    source_image = var.image
    disk_size_gb = var.disk_gigabytes
    disk_type    = "pd-balanced"
    boot         = true
  }

  network_interface {
    subnetwork = google_compute_subnetwork.main.id
  }

  service_account {
    email  = google_service_account.machine.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  metadata = {
    block-project-ssh-keys = "true"
    enable-oslogin         = "true"
    startup-script         = file("${path.module}/../startup.sh")
    hashstagram-repository = var.repository
    hashstagram-revision   = var.revision
    hashstagram-settings   = join("\n", [for name, value in local.settings : "${name}=${value}"])
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_health_check" "main" {
  name                = var.name
  description         = "At least one process of the machine is ready"
  check_interval_sec  = 5
  timeout_sec         = 4
  healthy_threshold   = 1
  unhealthy_threshold = 2

  http_health_check {
    port         = 80
    request_path = "/readyz"
  }

  log_config {
    enable = true
  }
}

# A slower one for making a machine anew: a busy moment is no reason.
resource "google_compute_health_check" "healing" {
  name                = "${var.name}-healing"
  description         = "The machine has not been ready for a long time"
  check_interval_sec  = 30
  timeout_sec         = 10
  healthy_threshold   = 1
  unhealthy_threshold = 6

  http_health_check {
    port         = 80
    request_path = "/readyz"
  }

  log_config {
    enable = true
  }
}

resource "google_compute_region_instance_group_manager" "main" {
  name               = var.name
  region             = var.region
  base_instance_name = var.name

  version {
    instance_template = google_compute_instance_template.main.self_link_unique
  }

  named_port {
    name = "http"
    port = 80
  }

  auto_healing_policies {
    health_check      = google_compute_health_check.healing.id
    initial_delay_sec = 1800
  }

  # A new machine is ready before an old one goes.
  update_policy {
    type                         = "PROACTIVE"
    minimal_action               = "REPLACE"
    max_surge_fixed              = 3
    max_unavailable_fixed        = 0
    instance_redistribution_type = "PROACTIVE"
  }

  lifecycle {
    ignore_changes = [target_size]
  }
}

resource "google_compute_region_autoscaler" "main" {
  name   = var.name
  region = var.region
  target = google_compute_region_instance_group_manager.main.id

  autoscaling_policy {
    min_replicas    = var.fewest_machines
    max_replicas    = var.most_machines
    cooldown_period = 900

    # Photos are processor time and nothing else. A line begins to form well before all of it is used.
    cpu_utilization {
      target = 0.6
    }

    scale_in_control {
      time_window_sec = 600

      max_scaled_in_replicas {
        fixed = 1
      }
    }
  }
}
