# Mirrors the plain HTTP of network interfaces to a weir sensor (VXLAN, UDP 4789).

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.0" }
  }
}

variable "sources" {
  description = "Interfaces (eni-…) of the APIs, where their HTTP is not encrypted, each with the network id that names its service in weir."
  type        = map(number)
}

variable "sensor_interface_id" {
  description = "Interface (eni-…) of the weir instance."
  type        = string
}

variable "sensor_security_group_id" {
  description = "Security group of the weir instance; it is opened for the mirror."
  type        = string
}

variable "source_cidrs" {
  description = "Where mirrored packets come from."
  type        = list(string)
  default     = ["10.0.0.0/8"]
}

variable "api_port" {
  type    = number
  default = 8080
}

resource "aws_ec2_traffic_mirror_target" "weir" {
  description          = "weir sensor"
  network_interface_id = var.sensor_interface_id
}

resource "aws_ec2_traffic_mirror_filter" "http" {
  description = "requests to the API and its answers"
}

resource "aws_ec2_traffic_mirror_filter_rule" "requests" {
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.http.id
  traffic_direction        = "ingress"
  rule_number              = 100
  rule_action              = "accept"
  protocol                 = 6
  source_cidr_block        = "0.0.0.0/0"
  destination_cidr_block   = "0.0.0.0/0"

  destination_port_range {
    from_port = var.api_port
    to_port   = var.api_port
  }
}

resource "aws_ec2_traffic_mirror_filter_rule" "answers" {
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.http.id
  traffic_direction        = "egress"
  rule_number              = 100
  rule_action              = "accept"
  protocol                 = 6
  source_cidr_block        = "0.0.0.0/0"
  destination_cidr_block   = "0.0.0.0/0"

  source_port_range {
    from_port = var.api_port
    to_port   = var.api_port
  }
}

resource "aws_ec2_traffic_mirror_session" "to_weir" {
  for_each                 = var.sources
  description              = "to weir"
  network_interface_id     = each.key
  traffic_mirror_target_id = aws_ec2_traffic_mirror_target.weir.id
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.http.id
  session_number           = 1
  virtual_network_id       = each.value
}

resource "aws_vpc_security_group_ingress_rule" "vxlan" {
  for_each          = toset(var.source_cidrs)
  security_group_id = var.sensor_security_group_id
  description       = "VXLAN from mirrored interfaces"
  ip_protocol       = "udp"
  from_port         = 4789
  to_port           = 4789
  cidr_ipv4         = each.value
}
