{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Every template of this chart takes a dict: `root` is the chart's own context, `component` what the object belongs to. */}}

{{/* The labels that never change: selectors are made of them. */}}
{{- define "fdp.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Those of pods: without a version, for a new chart alone is no reason for new pods. */}}
{{- define "fdp.pod-labels" -}}
{{ include "fdp.selector" . }}
app.kubernetes.io/part-of: fdp
{{- end -}}

{{- define "fdp.labels" -}}
{{ include "fdp.pod-labels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels: `name` is the object's. */}}
{{- define "fdp.metadata" -}}
{{- if gt (len .name) 63 }}{{ fail (printf "%s: a name of %d letters; 63 are allowed. Give the release a shorter one" .name (len .name)) }}{{ end -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "fdp.labels" . | nindent 2 }}
{{- end -}}

{{/* The reference of an image: `image` is its name in versions.yaml. */}}
{{- define "fdp.image" -}}
{{- $images := .root.Values.images -}}
{{- $image := index $images .image -}}
{{- if not (or $image.tag $image.digest) }}{{ fail (printf "images.%s.tag: which one?" .image) }}{{ end -}}
{{- with $images.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end -}}
