{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/*
A Pod that `helm test` runs: its steps run one after another, and all must end well. The dict has, besides root, component and name,
  config    the ConfigMap with fdp.yaml, where a step needs it
  secrets   as for a role
  steps     list of {name, args}: commands of fdp; or {name, image, script, env}: a script for bash in another image
They share the folder /tmp.
*/}}
{{- define "fdp.test-pod" -}}
apiVersion: v1
kind: Pod
metadata:
  {{- include "fdp.metadata" . | nindent 2 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- include "fdp.pod" (merge (dict "uid" 65532 "values" dict) .) | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: 120
  {{- with initial .steps }}
  initContainers:
    {{- range . }}
    {{- include "fdp.test-step" (merge (dict "step" .) $) | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "fdp.test-step" (merge (dict "step" (last .steps)) .) | nindent 4 }}
  volumes:
    {{- with .config }}
    - name: config
      configMap: {name: {{ . }}}
    {{- end }}
    - name: tmp
      emptyDir: {sizeLimit: 16Mi}
    {{- range $i, $secret := .secrets }}
    - name: secret-{{ $i }}
      secret: {secretName: {{ $secret.name | quote }}, defaultMode: 0440}
    {{- end }}
{{- end -}}

{{- define "fdp.test-step" -}}
- name: {{ .step.name }}
  {{- include "fdp.container" (merge (dict "image" (default "fdp" .step.image)) .) | nindent 2 }}
  {{- if .step.script }}
  command: [bash, -euc]
  {{- end }}
  args:
    {{- toYaml (default (list .step.script) .step.args) | nindent 4 }}
  {{- if or .config .step.env }}
  env:
    {{- if .config }}
    {{- include "fdp.config-variable" . | nindent 4 }}
    {{- end }}
    {{- with .step.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
  volumeMounts:
    {{- if .config }}
    - {name: config, mountPath: /etc/fdp, readOnly: true}
    {{- end }}
    - {name: tmp, mountPath: /tmp}
    {{- range $i, $secret := .secrets }}
    - {name: secret-{{ $i }}, mountPath: {{ $secret.path }}, readOnly: true}
    {{- end }}
{{- end -}}
