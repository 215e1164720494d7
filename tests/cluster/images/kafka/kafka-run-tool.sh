#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kafka's own tools under the names that they have in Apache's image: each name is a link to this.
case ${0##*/} in
kafka-topics.sh) class=org.apache.kafka.tools.TopicCommand ;;
kafka-console-consumer.sh) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
kafka-console-producer.sh) class=org.apache.kafka.tools.ConsoleProducer ;;
kafka-consumer-groups.sh) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
kafka-configs.sh) class=kafka.admin.ConfigCommand ;;
kafka-get-offsets.sh) class=org.apache.kafka.tools.GetOffsetShell ;;
kafka-metadata-quorum.sh) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
kafka-broker-api-versions.sh) class=org.apache.kafka.tools.BrokerApiVersionsCommand ;;
kafka-storage.sh) class=kafka.tools.StorageTool ;;
*)
    echo "${0##*/}: not one of the tools of this image" >&2
    exit 2
    ;;
esac
# shellcheck disable=SC2086 # several options
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} $KAFKA_JVM_PERFORMANCE_OPTS $KAFKA_OPTS -cp "/opt/kafka/libs/*" "$class" "$@"
