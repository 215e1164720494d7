{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Egress rules of what reads Kafka and asks the registry. As JSON. */}}
{{- define "monitoring.stream-edges" -}}
{{ list
  (include "fdp.kafka-edge" (dict "root" .) | fromJson)
  (include "fdp.registry-edge" (dict "root" .) | fromJson) | toJson }}
{{- end -}}

{{/* The jobs that there are: name to NAME:PORT, as JSON. Not what is left out, nor the registry of this namespace where another one is asked. */}}
{{- define "monitoring.jobs" -}}
{{- $jobs := dict -}}
{{- $left := list (.Values.console.enabled | ternary "" "console") -}}
{{- $elsewhere := not (include "fdp.registry-edge" (dict "root" .) | fromJson).peers -}}
{{- if and $elsewhere (hasPrefix "streaming-schema-registry-metrics:" (default "" .Values.prometheus.jobs.registry)) -}}
{{- $left = append $left "registry" -}}
{{- end -}}
{{- range $job, $address := .Values.prometheus.jobs -}}
{{- if and $address (not (has $job $left)) -}}{{ $_ := set $jobs $job $address }}{{ end -}}
{{- end -}}
{{ $jobs | toJson }}
{{- end -}}

{{/* The name of a Service as it is asked for: whole, with a dot at its end, so that names which are not there cost one question. */}}
{{- define "monitoring.target" -}}
{{- $host := splitList ":" .address | first -}}
{{- if contains "." $host -}}{{ $host }}{{ else -}}
{{ $host }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}.
{{- end -}}
{{- end -}}

{{/* The file alerts/NAME.yaml with the values alerts.NAME in the place of its ${...}. */}}
{{- define "monitoring.alert" -}}
{{- $jobs := include "monitoring.jobs" .root | fromJson | keys | sortAlpha -}}
{{- $missing := list -}}
{{- range $jobs }}{{ $missing = append $missing (printf "absent(up{job=%q})" .) }}{{ end -}}
{{- $words := merge (dict "runbooks" (trimSuffix "/" .root.Values.alerts.runbooks) "jobs" (join "|" $jobs) "missing" (join " or " $missing))
  (get .root.Values.alerts .name) -}}
{{- $text := .root.Files.Get (printf "alerts/%s.yaml" .name) -}}
{{- range $word, $value := $words -}}
{{- $text = replace (printf "${%s}" $word) (toString $value | replace "\\" "\\\\") $text -}}
{{- end -}}
{{ $text }}
{{- end -}}

{{/* The names of the alerts that are on. As JSON. Where nobody is asked, nobody can be silent. */}}
{{- define "monitoring.alerts" -}}
{{- $names := list -}}
{{- $asked := include "monitoring.jobs" . | fromJson -}}
{{- range $name, $settings := omit .Values.alerts "runbooks" -}}
{{- if and $settings.enabled (or $asked (ne $name "ScrapeDown")) }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{ $names | toJson }}
{{- end -}}

{{/* A Secret with one random text of `length` letters under `key`: made once; an upgrade leaves it as it is. */}}
{{- define "monitoring.secret" -}}
{{- $kept := dig "data" .key "" (lookup "v1" "Secret" .root.Release.Namespace .name | default dict) -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
type: Opaque
data:
  {{ .key }}: {{ default (randAlphaNum .length | b64enc) $kept }}
{{- end -}}

{{/* The head of a Deployment of something that is not a role of fdp: one pod; `uid`, `values`, and `checksum`, which makes a new pod when
it changes. */}}
{{- define "monitoring.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  strategy:
    type: Recreate
  selector:
    matchLabels:
      {{- include "fdp.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "fdp.pod-labels" . | nindent 8 }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ .checksum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "fdp.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: 30
{{- end -}}

{{/* Ingress rules of a page: who may open it over the network, and which components of fdp ask it. As JSON. */}}
{{- define "monitoring.page-edges" -}}
{{- $edges := list -}}
{{- with .root.Values.networkPolicy.pagesFrom }}{{ $edges = append $edges (dict "ports" (list $.port) "others" .) }}{{ end -}}
{{- with .peers }}{{ $edges = append $edges (dict "ports" (list $.port) "peers" .) }}{{ end -}}
{{ $edges | toJson }}
{{- end -}}
