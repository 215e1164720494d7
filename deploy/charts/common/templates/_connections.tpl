{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Refuses `properties` of Kafka or of its clients that are secret, for they go into a ConfigMap: `where` they are, `instead` what to do. */}}
{{- define "fdp.no-secrets" -}}
{{- range $name, $_ := .properties -}}
{{- if regexMatch "(password|passphrase|secret|jaas[.]config|(private|ssl)[.]key[.]pem|ssl[.]keystore[.]key)$" $name -}}
{{- fail (printf "%s: %s is a secret and would be for everybody to read. Put it into a Secret, %s" $.where $name $.instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses what is secret in `config`, which is all of fdp.yaml. */}}
{{- define "fdp.no-secrets-in-config" -}}
{{- $streaming := .config.streaming | default dict -}}
{{- include "fdp.no-secrets" (dict "properties" ($streaming.kafka | default dict) "where" "config.streaming.kafka"
  "instead" "name that one as kafka.existingSecret, and give its file as NAME-file: /var/run/secrets/kafka/KEY") -}}
{{- if (.config.monitoring | default dict).token -}}
{{- fail "config.monitoring.token is a secret and would be for everybody to read. Put it into a Secret, and name that one as existingSecret" -}}
{{- end -}}
{{- $storage := .config.storage | default dict -}}
{{- $registry := $streaming.registry | default dict -}}
{{- range $where, $url := dict "storage.url" $storage.url "streaming.registry.url" $registry.url "ingestion.source"
  (.config.ingestion | default dict).source -}}
{{- if regexMatch "(://[^/?#]*:[^/?#]*@|[?&](ssl)?password=)" (toString $url) -}}
{{- fail (printf "%s: a password in an address would be for everybody to read. Put it into a Secret; docs/secrets.md" $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The sections of fdp.yaml that say where the others are, from the values `kafka`, `registry` and `store`. As YAML. */}}
{{- define "fdp.streaming-config" -}}
{{- $kafka := .root.Values.kafka -}}
{{- include "fdp.no-secrets" (dict "properties" $kafka.properties "where" "kafka.properties"
  "instead" "name that one as kafka.existingSecret, and give its file as NAME-file: /var/run/secrets/kafka/KEY") -}}
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
