{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* The security of a pod, as the restricted profile wants it: `uid` is the numeric user of the image. */}}
{{- define "fdp.pod-security" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "fdp.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* How many pods; 1 where users cannot say. */}}
{{- define "fdp.replicas" -}}{{ hasKey .values "replicas" | ternary .values.replicas 1 }}{{- end -}}

{{/* What is the same in every pod: `uid`, and `values` with what users set for a workload (nodeSelector, tolerations, ...). */}}
{{- define "fdp.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{ include "fdp.pod-security" . }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (include "fdp.replicas" . | int) 1 }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "fdp.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Named, the configuration has to be there: should the ConfigMap lose it, nobody takes the defaults of the program for it, neither this
container nor a command that is run in it. */}}
{{- define "fdp.config-variable" -}}
- {name: FDP_CONFIG, value: /etc/fdp/fdp.yaml}
{{- end -}}

{{/* The image of a container, and how it may run: `image`. */}}
{{- define "fdp.container" -}}
image: {{ include "fdp.image" . }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{ include "fdp.container-security" . }}
{{- end -}}

{{/* Probes of a role: alive is that its loop turns, ready that it can do useful work now. `port` is the name of its port. */}}
{{- define "fdp.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end -}}
