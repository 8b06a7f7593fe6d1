package jp.ad.sinet.stream.api;

/** When a reader sends PUBACK or PUBREC for a message at QoS 1 or 2: the parameter {@code acknowledge}. */
public enum Acknowledge {
    /** When the program is given the message. A message that is being processed is lost if the process dies. */
    TAKEN("taken"),
    /**
     * When the program has processed the message: when {@link MessageReader#acknowledge} is called for it, or when all its
     * callbacks have returned. Until then the broker sends it again whenever the connection or the process is lost.
     */
    PROCESSED("processed"),
    /**
     * As {@link #PROCESSED}, but callbacks that return do not acknowledge: only {@link AsyncMessageReader#acknowledge} does.
     */
    MANUAL("manual");

    private final String name;

    Acknowledge(String name) {
        this.name = name;
    }

    /**
     * Returns the name that configuration files use.
     *
     * @return the name
     */
    public String getName() {
        return name;
    }
}
