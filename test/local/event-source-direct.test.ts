// All that holds for mappings that poll over the network holds for those that call the engine directly.
import './fixtures/call-directly.ts';
import './event-source.test.ts';
import './event-source-delivery.test.ts';
