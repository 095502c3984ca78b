# What the machines may do: write their logs, and read the weights. The processes themselves do not even reach the
# server that would give them these credentials (see hashstagram@.service).

resource "google_service_account" "machine" {
  account_id   = var.name
  display_name = "Machines that serve HashStagram"
}

resource "google_project_iam_member" "log_writer" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.machine.member
}

resource "google_storage_bucket_iam_member" "weights_reader" {
  count = var.weights_bucket == "" ? 0 : 1

  bucket = var.weights_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.machine.member
}
