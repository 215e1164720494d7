{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The servers that ingestion needs besides the feed, as egress rules. A list as JSON. */}}
{{- define "ingestion.servers" -}}
{{- list
  (include "fdp.server-edge" (dict "address" .Values.kafka.bootstrap "inside" "fdp-kafka" "peer" "kafka" "port" 9092) | fromJson)
  (include "fdp.server-edge" (dict "address" .Values.registry.url "inside" "streaming-schema-registry" "peer" "registry" "port" 80) | fromJson)
  | toJson }}
{{- end -}}
