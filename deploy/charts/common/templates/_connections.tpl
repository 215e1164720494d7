{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The sections of fdp.yaml that say where the others are, from the values `kafka`, `registry` and `store`. As YAML. */}}
{{- define "fdp.streaming-config" -}}
{{- $kafka := .root.Values.kafka -}}
{{- range list "sasl.password" "ssl.key.password" "ssl.key.pem" "ssl.keystore.password" "sasl.oauthbearer.client.secret" -}}
{{- if hasKey $kafka.properties . -}}
{{- fail (printf "kafka.properties: %s is a secret and would be for everybody to read. Put it into a Secret, name that one as kafka.existingSecret, and say %s-file: /var/run/secrets/kafka/KEY" . .) -}}
{{- end -}}
{{- end -}}
{{- $streaming := dict "url" (printf "kafka://%s" $kafka.bootstrap) -}}
{{- with $kafka.properties }}{{ $_ := set $streaming "kafka" . }}{{ end -}}
{{- with (default dict .root.Values.registry).url }}{{ $_ := set $streaming "registry" (dict "url" .) }}{{ end -}}
{{- toYaml $streaming -}}
{{- end -}}

{{/* `password-file` is read at every connection: a password that is changed is taken up without a restart. */}}
{{- define "fdp.storage-config" -}}
{{- $store := .root.Values.store -}}
{{- $url := printf "postgresql://%s@%s:%v/%s" (include "fdp.percent" $store.user) $store.host $store.port (include "fdp.percent" $store.database) -}}
{{- with $store.parameters }}{{ $url = printf "%s?%s" $url . }}{{ end -}}
{{- toYaml (dict "url" $url "password-file" (printf "/var/run/secrets/store/%s" $store.passwordKey)) -}}
{{- end -}}

{{- define "fdp.percent" -}}{{ urlquery . | replace "+" "%20" }}{{- end -}}

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
