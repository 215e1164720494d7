{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The sections of fdp.yaml that say where the others are, from the values `kafka`, `registry` and `store`. As YAML. */}}
{{- define "fdp.streaming-config" -}}
url: kafka://{{ .root.Values.kafka.bootstrap }}
{{- with .root.Values.kafka.properties }}
kafka:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (default dict .root.Values.registry).url }}
registry:
  url: {{ . }}
{{- end }}
{{- end -}}

{{/* `password-file` is read at every connection: a password that is changed is taken up without a restart. */}}
{{- define "fdp.storage-config" -}}
{{- $store := .root.Values.store -}}
url: postgresql://{{ $store.user }}@{{ $store.host }}:{{ $store.port }}/{{ $store.database }}{{ with $store.parameters }}?{{ . }}{{ end }}
password-file: /var/run/secrets/store/{{ $store.passwordKey }}
{{- end -}}

{{/* The Secrets that go with them, for `secrets` of a role: a list as JSON. Files of kafka.existingSecret are named by kafka.properties. */}}
{{- define "fdp.connection-secrets" -}}
{{- $secrets := list -}}
{{- with .root.Values.kafka.existingSecret -}}
{{- $secrets = append $secrets (dict "name" . "path" "/var/run/secrets/kafka") -}}
{{- end -}}
{{- with .root.Values.store -}}
{{- $secrets = append $secrets (dict "name" .existingSecret "path" "/var/run/secrets/store") -}}
{{- end -}}
{{ $secrets | toJson }}
{{- end -}}
