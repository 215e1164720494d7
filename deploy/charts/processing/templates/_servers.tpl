{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The servers that a worker needs, as egress rules. A list as JSON. */}}
{{- define "processing.servers" -}}
{{- list
  (include "fdp.server-edge" (dict "address" .Values.kafka.bootstrap "inside" "fdp-kafka" "peer" "kafka" "port" 9092) | fromJson)
  (include "fdp.server-edge" (dict "address" .Values.registry.url "inside" "streaming-schema-registry" "peer" "registry" "port" 80) | fromJson)
  (include "fdp.server-edge" (dict "address" (printf "%s:%v" .Values.store.host .Values.store.port) "inside" "storage-postgresql" "peer"
    "postgresql" "port" 5432) | fromJson) | toJson }}
{{- end -}}
