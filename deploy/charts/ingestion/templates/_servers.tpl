{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The servers that ingestion needs besides the feed, as egress rules. A list as JSON. */}}
{{- define "ingestion.servers" -}}
{{- list
  (include "fdp.kafka-edge" (dict "root" .) | fromJson)
  (include "fdp.registry-edge" (dict "root" .) | fromJson) | toJson }}
{{- end -}}
