{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* A Service that spreads connections over the pods: `port`, `portName`, `target` where the containers call the port otherwise, and
`unready` when also pods that are not ready can be of use. */}}
{{- define "fdp.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  {{- if .unready }}
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "fdp.selector" . | nindent 4 }}
  ports:
    - {name: {{ .portName }}, port: {{ .port }}, targetPort: {{ .target | default .portName }}}
{{- end -}}

{{/* NAME-metrics: no Service to connect to but a name that stands for the addresses of all pods, also of those that are not ready. So
whoever collects metrics needs no rights in the cluster. */}}
{{- define "fdp.metrics-service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "fdp.metadata" (merge (dict "name" (printf "%s-metrics" .name)) .) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "fdp.selector" . | nindent 4 }}
  ports:
    - {name: metrics, port: {{ .port }}, targetPort: metrics}
{{- end -}}

{{/* The same for a Prometheus operator, in clusters that know the kind. `metrics` is the name of the port of the pods and, of all Services
with these labels, of NAME-metrics alone. */}}
{{- define "fdp.monitor" -}}
{{- $kind := .root.Values.monitor.kind -}}
{{- if .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind) }}
apiVersion: monitoring.coreos.com/v1
kind: {{ $kind }}
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
    {{- with .root.Values.monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  jobLabel: app.kubernetes.io/component
  selector:
    matchLabels:
      {{- include "fdp.selector" . | nindent 6 }}
  {{ eq $kind "PodMonitor" | ternary "podMetricsEndpoints" "endpoints" }}:
    - port: metrics
{{- end }}
{{- end -}}

{{/* The volume of each pod of a StatefulSet, as `persistence` has it. One that is there is not changed by an upgrade: Kubernetes would refuse
that, and Helm would have changed other objects by then. */}}
{{- define "fdp.volume-claim" -}}
{{- $wanted := .persistence -}}
{{- $there := lookup "apps/v1" "StatefulSet" .root.Release.Namespace .name -}}
{{- if $there -}}
{{- $claims := $there.spec.volumeClaimTemplates | default list -}}
{{- if ne (not $claims) (not $wanted.enabled) -}}
{{- fail (printf "%s: persistence.enabled cannot be changed any more: delete the StatefulSet first, and then upgrade" .name) -}}
{{- end -}}
{{- range $claims -}}
{{- $size := .spec.resources.requests.storage -}}
{{- if ne (include "fdp.bytes" $size) (include "fdp.bytes" $wanted.size) -}}
{{- fail (printf "%s: its volume has %s, and an upgrade does not make it %s; \"A larger volume\" in docs/kubernetes.md says what does"
  $.name $size $wanted.size) -}}
{{- end -}}
{{- if ne (default "" $wanted.storageClass) (default "" .spec.storageClassName) -}}
{{- fail (printf "%s: persistence.storageClass cannot be changed any more; it was %q" $.name (default "" .spec.storageClassName)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $wanted.enabled -}}
volumeClaimTemplates:
  - metadata:
      name: data
      labels:
        {{- include "fdp.selector" . | nindent 8 }}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $wanted.storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests: {storage: {{ $wanted.size | quote }}}
{{- end -}}
{{- end -}}

{{/* A quantity as Kubernetes writes it, as a number. */}}
{{- define "fdp.bytes" -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- $units := dict "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- trimSuffix $unit . | float64 | mulf (get $units $unit | default 1) | int64 -}}
{{- end -}}

{{/* Only with several pods: with one it would keep a node from being drained. */}}
{{- define "fdp.disruption-budget" -}}
{{- if gt (include "fdp.replicas" . | int) 1 }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "fdp.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{/*
Who may connect to the pods, and where they may connect to, besides asking for names and what networkPolicy.egress allows. `ingress` and
`egress` are lists of
  ports     numbers
  peers     components of fdp in this namespace; none: anybody
  others    further peers, as Kubernetes writes them
*/}}
{{- define "fdp.network-policy" -}}
{{- if .root.Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "fdp.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- range .ingress }}
    - ports: [{{ range $i, $port := .ports }}{{ if $i }}, {{ end }}{port: {{ $port }}}{{ end }}]
      {{- include "fdp.peers" (merge (dict "direction" "from") .) | nindent 6 }}
    {{- else }}
    []
    {{- end }}
  egress:
    # Some clusters' DNS listens on 5353.
    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]
    {{- range .egress }}
    - ports: [{{ range $i, $port := .ports }}{{ if $i }}, {{ end }}{port: {{ $port }}}{{ end }}]
      {{- include "fdp.peers" (merge (dict "direction" "to") .) | nindent 6 }}
    {{- end }}
    {{- with .root.Values.networkPolicy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end -}}

{{- define "fdp.peers" -}}
{{- if or .peers .others -}}
{{ .direction }}:
  {{- with .peers }}
  - podSelector:
      matchLabels:
        app.kubernetes.io/part-of: fdp
      matchExpressions:
        - {key: app.kubernetes.io/component, operator: In, values: [{{ join ", " . }}]}
  {{- end }}
  {{- with .others }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Ingress rule for metrics: Prometheus of this release, and whom `networkPolicy.metricsFrom` names. As JSON. */}}
{{- define "fdp.metrics-edge" -}}
{{ dict "ports" (list .port) "peers" (list "prometheus") "others" .root.Values.networkPolicy.metricsFrom | toJson }}
{{- end -}}

{{/* Egress rule to a server: `address` is HOST:PORT, several with commas between, or a URL. It is the component `peer` of fdp when the host is
the Service `inside` of this namespace, and else somewhere outside. As JSON. */}}
{{- define "fdp.server-edge" -}}
{{- $port := regexMatch "^(https|wss)://" .address | ternary 443 80 -}}
{{- $ports := list -}}
{{- $ours := true -}}
{{- range regexReplaceAll "^[a-z]+://" .address "" | splitList "," -}}
{{- $server := splitList "/" . | first -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" $server | trimPrefix ":" | default $port | int) -}}
{{- $host := regexReplaceAll ":[0-9]+$" $server "" -}}
{{- $own := printf "^%s(\\.%s(\\.svc(\\..*)?)?)?$" (regexQuoteMeta $.inside) (regexQuoteMeta $.root.Release.Namespace) -}}
{{- $ours = and $ours (regexMatch $own $host) -}}
{{- end -}}
{{ dict "ports" (uniq $ports) "peers" ($ours | ternary (list .peer) list) | toJson }}
{{- end -}}

{{/* Those to Kafka, the registry and the database, as the values say where they are. As JSON. */}}
{{- define "fdp.kafka-edge" -}}
{{ include "fdp.server-edge" (dict "root" .root "address" .root.Values.kafka.bootstrap "inside" "fdp-kafka" "peer" "kafka") }}
{{- end -}}

{{- define "fdp.registry-edge" -}}
{{ include "fdp.server-edge" (dict "root" .root "address" .root.Values.registry.url "inside" "streaming-schema-registry" "peer" "registry") }}
{{- end -}}

{{- define "fdp.store-edge" -}}
{{- $store := .root.Values.store -}}
{{ include "fdp.server-edge" (dict "root" .root "address" (printf "%s:%v" $store.host $store.port) "inside" "storage-postgresql"
  "peer" "postgresql") }}
{{- end -}}
