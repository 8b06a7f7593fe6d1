package jp.ad.sinet.stream.api;

/** When a reader acknowledges a message at QoS 1 or 2 to the broker: the parameter {@code acknowledge}. */
public enum Acknowledge {
    /** When the program is given it. A message that the program is at work on is lost with its process. */
    TAKEN("taken"),
    /**
     * When the program has processed it: when {@link MessageReader#acknowledge} is called for it, or all its callbacks have
     * returned. Until then it comes again when the connection or the process is lost.
     */
    PROCESSED("processed"),
    /** The same, but callbacks that return do not acknowledge: only {@link AsyncMessageReader#acknowledge} does. */
    MANUAL("manual");

    private final String name;

    Acknowledge(String name) {
        this.name = name;
    }

    /**
     * The name in configuration files.
     *
     * @return the name
     */
    public String getName() {
        return name;
    }
}
