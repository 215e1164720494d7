{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The servers that a worker needs, as egress rules. A list as JSON. */}}
{{- define "processing.servers" -}}
{{- list
  (include "fdp.kafka-edge" (dict "root" .) | fromJson)
  (include "fdp.registry-edge" (dict "root" .) | fromJson)
  (include "fdp.store-edge" (dict "root" .) | fromJson) | toJson }}
{{- end -}}
