package jp.ad.sinet.stream.api;

/** The delivery guarantee for each message; these are the MQTT quality of service levels 0, 1 and 2. */
public enum Consistency {
    /** A message may be lost, but never arrives twice (QoS 0). */
    AT_MOST_ONCE(0),
    /** A message is not lost, but may arrive twice (QoS 1). */
    AT_LEAST_ONCE(1),
    /** A message arrives exactly once (QoS 2). */
    EXACTLY_ONCE(2);

    private final int qos;

    Consistency(int qos) {
        this.qos = qos;
    }

    /**
     * Returns the MQTT quality of service level.
     *
     * @return 0, 1 or 2
     */
    public int getQos() {
        return qos;
    }

    /**
     * Returns the value of an MQTT quality of service level.
     *
     * @param qos 0, 1 or 2
     * @return the value
     * @throws IllegalArgumentException for any other number
     */
    public static Consistency valueOf(int qos) {
        for (Consistency consistency : values()) {
            if (consistency.qos == qos) {
                return consistency;
            }
        }
        throw new IllegalArgumentException("quality of service must be 0, 1 or 2, not " + qos);
    }
}
