package jp.ad.sinet.stream.spi;

/**
 * Brings a messaging system's blocking writers. They serve asynchronous clients, too, where there is no provider for
 * those.
 */
public interface MessageWriterProvider extends SinetMessageProvider {
    /**
     * Opens a writer.
     *
     * @param parameters what the configuration and the program ask for
     * @return the writer, which the library closes
     */
    PluginMessageWriter getWriter(WriterParameters parameters);
}
