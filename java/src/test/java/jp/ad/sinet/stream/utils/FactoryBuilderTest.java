package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;

class FactoryBuilderTest {
    @Test
    void valuesOfParametersAreNotShown() {
        Map<String, Object> login = Map.of("password", "hunter2");
        String writer = MessageWriterFactory.<String>builder().parameter("username_pw", login).toString();
        String reader = MessageReaderFactory.<String>builder().parameter("username_pw", login).toString();
        assertTrue(writer.contains("username_pw") && reader.contains("username_pw"));
        assertFalse(writer.contains("hunter2") || reader.contains("hunter2"));
    }

    @Test
    void factoryIsIndependentOfItsBuilder() {
        MessageReaderFactory.MessageReaderFactoryBuilder<String> builder = MessageReaderFactory.builder();
        builder.topic("a").topics(List.of("b")).parameter("p", null).valueType(SimpleValueType.TEXT);
        MessageReaderFactory<String> factory = builder.build();
        builder.clearTopics().clearParameters().valueType(null);
        assertEquals(List.of("a", "b"), factory.getTopics());
        assertEquals(Collections.singletonMap("p", null), factory.getParameters());
        assertEquals(SimpleValueType.TEXT, factory.getValueType());
        assertEquals(List.of(), builder.build().getTopics());
        assertThrows(UnsupportedOperationException.class, factory.getTopics()::clear);
        assertThrows(UnsupportedOperationException.class, factory.getParameters()::clear);
    }

    @Test
    void ofAListenerOnlyThePresenceIsShown() {
        ConnectionListener listener = new ConnectionListener() {
            @Override
            public void onConnectionEvent(ConnectionEvent event) {
            }

            @Override
            public String toString() {
                return "hunter2";
            }
        };
        MessageWriterFactory.MessageWriterFactoryBuilder<String> writer = MessageWriterFactory.builder();
        MessageReaderFactory.MessageReaderFactoryBuilder<String> reader = MessageReaderFactory.builder();
        assertTrue(writer.toString().contains("connectionListener=null"));
        assertTrue(reader.toString().contains("connectionListener=null"));
        writer.connectionListener(listener);
        reader.connectionListener(listener);
        assertTrue(writer.toString().contains("connectionListener=set"));
        assertTrue(reader.toString().contains("connectionListener=set"));
        assertSame(listener, writer.build().getConnectionListener());
        assertSame(listener, reader.build().getConnectionListener());
    }

    @Test
    void parametersAreCopied() {
        Map<String, Object> parameters = new HashMap<>(Map.of("a", 1));
        MessageWriterFactory<byte[]> factory = MessageWriterFactory.<byte[]>builder().parameters(parameters)
                .parameter("b", 2).build();
        parameters.clear();
        assertEquals(Map.of("a", 1, "b", 2), factory.getParameters());
    }
}
