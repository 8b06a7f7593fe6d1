package jp.ad.sinet.stream.spi;

/** Brings a messaging system's asynchronous writers. */
public interface AsyncMessageWriterProvider extends SinetMessageProvider {
    /**
     * Opens an asynchronous writer.
     *
     * @param parameters what the configuration and the program ask for
     * @return the writer, which the library closes
     */
    PluginAsyncMessageWriter getAsyncWriter(WriterParameters parameters);
}
