variable "project" {
  description = "Project in which all of this is made."
  type        = string
}

variable "region" {
  description = "Region of the machines. They are spread over its zones."
  type        = string
  default     = "europe-west1"
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "hashstagram"
}

variable "domain" {
  description = "Public name of the page. It must lead to the address that this prints before the certificate is issued."
  type        = string
}

variable "repository" {
  description = "Where git fetches the code from. A machine must reach it without a password."
  type        = string
}

variable "revision" {
  description = "Full commit or tag that the machines run. A new one replaces them one after the other."
  type        = string
}

variable "weights_bucket" {
  description = "Bucket with weights that training.publish uploaded. Empty: those in the repository."
  type        = string
  default     = ""
}

variable "weights_prefix" {
  description = "Where in that bucket they are."
  type        = string
  default     = "weights"
}

variable "settings" {
  description = "Further settings for each machine, by the names in deploy/gcp/settings.env."
  type        = map(string)
  default     = {}
}

variable "machine_type" {
  description = "Kind of machine. All N2 have VNNI, with which int8 is quick. More cores want more PROCESSES in settings."
  type        = string
  default     = "n2-standard-2"
}

variable "image" {
  description = "Boot image. One that was made of a machine on which startup.sh ran is ready in a minute, Debian's own in fifteen."
  type        = string
  default     = "projects/debian-cloud/global/images/family/debian-12"
}

variable "disk_gigabytes" {
  description = "Boot disk: 7 GB a release, of which two are kept, 4 GB of uploads a process, and the system."
  type        = number
  default     = 40
}

variable "subnet_range" {
  description = "Addresses of the machines inside the network."
  type        = string
  default     = "10.18.0.0/24"
}

variable "fewest_machines" {
  description = "Machines that are always there. With two, one may fail."
  type        = number
  default     = 2
}

variable "most_machines" {
  description = "Machines at the busiest time, which bounds the cost."
  type        = number
  default     = 6
}
