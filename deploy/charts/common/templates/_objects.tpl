{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* A Service that spreads connections over the pods: `port`, `portName` as the containers call it, and `unready` when also pods that are not
ready can be of use. */}}
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
    - {name: {{ .portName }}, port: {{ .port }}, targetPort: {{ .portName }}}
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

{{/* The same for the Prometheus operator, where the cluster has one. */}}
{{- define "fdp.pod-monitor" -}}
{{- if and .root.Values.podMonitor (.root.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor") }}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  jobLabel: app.kubernetes.io/component
  selector:
    matchLabels:
      {{- include "fdp.selector" . | nindent 6 }}
  podMetricsEndpoints:
    - port: metrics
{{- end }}
{{- end -}}

{{/* Only with several pods: with one it would keep a node from being drained. */}}
{{- define "fdp.disruption-budget" -}}
{{- if gt (int (default 1 .values.replicas)) 1 }}
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
Who may connect to the pods, and where they may connect to, besides asking for names. `ingress` and `egress` are lists of
  port      a number
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
    - ports: [{port: {{ .port }}}]
      {{- include "fdp.peers" (merge (dict "direction" "from") .) | nindent 6 }}
    {{- else }}
    []
    {{- end }}
  egress:
    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
    {{- range .egress }}
    - ports: [{port: {{ .port }}}]
      {{- include "fdp.peers" (merge (dict "direction" "to") .) | nindent 6 }}
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
{{ dict "port" .port "peers" (list "prometheus") "others" .root.Values.networkPolicy.metricsFrom | toJson }}
{{- end -}}

{{/* Egress rule to a server that is a component of fdp when its address begins with that one's name, and else somewhere outside:
`address` HOST:PORT or a URL, `inside` the name, `peer` the component. As JSON. */}}
{{- define "fdp.server-edge" -}}
{{- $host := regexReplaceAll "^[a-z]+://" .address "" | splitList "," | first -}}
{{- $port := regexFind ":[0-9]+" $host | trimPrefix ":" | default .port | int -}}
{{- $peers := ternary (list .peer) list (hasPrefix .inside $host) -}}
{{ dict "port" $port "peers" $peers | toJson }}
{{- end -}}
