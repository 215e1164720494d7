{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/*
A role of fdp as a Deployment. The dict has
  root, component, name   whose it is
  args      the command and its options, such as (list "process")
  port      the port that it serves metrics and health on
  ports     more ports, name to number
  values    replicas, resources, nodeSelector, ... as users set them
  config    what fdp.yaml says (a map); a ConfigMap `name` mounted as /etc/fdp
  live      the sections and keys of it that are taken up at run time, such as (list "processing.routes"): a change of anything else makes
            new pods
  secrets   Secrets that are mounted as folders of files: list of {name, path}
  recreate  true: the old pod ends before the new one begins
  served    true: others connect to it by a Service
  drainSeconds  how long it may take to end in order, after a signal
*/}}
{{- define "fdp.role" -}}
{{- include "fdp.no-secrets-in-config" . -}}
{{- $fixed := deepCopy .config -}}
{{- range .live }}
{{- $path := splitList "." . -}}
{{- $section := get $fixed (first $path) -}}
{{- if $section }}{{ $_ := unset $section (last $path) }}{{ end -}}
{{- end -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
data:
  fdp.yaml: |
    # Made by the chart {{ .root.Chart.Name }}. `fdp config keys` explains every option.
    {{- toYaml .config | nindent 4 }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
spec:
  replicas: {{ include "fdp.replicas" . }}
  revisionHistoryLimit: 3
  {{- if .recreate }}
  strategy:
    type: Recreate
  {{- else }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  {{- end }}
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
        checksum/config: {{ toYaml $fixed | sha256sum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "fdp.pod" (merge (dict "uid" 65532) .) | nindent 6 }}
      terminationGracePeriodSeconds: {{ add 10 .drainSeconds }}
      containers:
        - name: {{ .component }}
          {{- include "fdp.container" (merge (dict "image" "fdp") .) | nindent 10 }}
          args:
            {{- toYaml .args | nindent 12 }}
            {{- with .values.logFormat }}
            - --log-format
            - {{ . }}
            {{- end }}
          env:
            {{- include "fdp.config-variable" . | nindent 12 }}
            {{- with .values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - {name: metrics, containerPort: {{ .port }}}
            {{- range $name, $number := .ports }}
            - {name: {{ $name }}, containerPort: {{ $number }}}
            {{- end }}
          {{- include "fdp.probes" (dict "port" "metrics") | nindent 10 }}
          {{- if .served }}
          lifecycle:
            # Whoever is on the way to this pod by its Service is served before it ends.
            preStop:
              sleep: {seconds: 3}
          {{- end }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/fdp, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- range $i, $secret := .secrets }}
            - {name: secret-{{ $i }}, mountPath: {{ $secret.path }}, readOnly: true}
            {{- end }}
      volumes:
        # The whole folder, never a single file of it: only so is a change of the ConfigMap seen in the pod.
        - name: config
          configMap: {name: {{ .name }}}
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
        {{- range $i, $secret := .secrets }}
        - name: secret-{{ $i }}
          secret: {secretName: {{ $secret.name | quote }}, defaultMode: 0440}
        {{- end }}
{{- end -}}
