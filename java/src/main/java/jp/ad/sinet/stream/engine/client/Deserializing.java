package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Packed;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;

/** A reader's deserializer, and the translation of its failures for the caller. */
public final class Deserializing<T> {
    final Deserializer<T> deserializer;
    private final long handle;

    public Deserializing(Deserializer<T> deserializer, long handle) {
        this.deserializer = deserializer;
        this.handle = handle;
    }

    /** Returns the message of a record, with the receipt for its acknowledgement. Throws if the record cannot be decoded. */
    Message<T> message(Packed record, Object receipt) {
        SinetStreamException failure = record.failure();
        if (failure != null) {
            throw failure;
        }
        OutOfMemoryError lacking = record.lacking();
        if (lacking != null) {
            throw lacking;
        }
        return message(record, record.topic(), record.raw(), receipt);
    }

    public Message<T> message(Packed record, String topic, Object raw, Object receipt) {
        return new Message<>(value(record), topic, record.timestampMicros(), raw, receipt);
    }

    private T value(Packed record) {
        try {
            return deserializer.deserialize(record.payload());
        } catch (SinetStreamException | OutOfMemoryError e) {
            Native.countError(handle);
            throw e;
        } catch (Exception e) {
            Native.countError(handle);
            throw new SinetStreamIOException("the deserializer failed: " + e.getClass().getName(), e);
        } finally {
            ClientThreads.restoreLoader();
        }
    }
}
