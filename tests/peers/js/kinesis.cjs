// The AWS SDK for JavaScript on native Kinesis. Arguments: the endpoint, the stream, `http1` or `http2` (the SDK's own choice for Kinesis).
// Prints what it got as JSON.
const {
  CreateStreamCommand, DescribeStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand,
  PutRecordsCommand, waitUntilStreamExists,
} = require("@aws-sdk/client-kinesis");
const { NodeHttpHandler } = require("@smithy/node-http-handler");

const [endpoint, StreamName, protocol] = process.argv.slice(2);

async function main() {
  const kinesis = new KinesisClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-that-nobody-checks" },
    maxAttempts: 1,
    ...(protocol === "http1" ? { requestHandler: new NodeHttpHandler() } : {}),
  });
  const bytes = (text) => new TextEncoder().encode(text);
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 60, minDelay: 1 }, { StreamName });
  const put = await kinesis.send(new PutRecordCommand({ StreamName, Data: bytes("one"), PartitionKey: "key" }));
  const Records = ["two", "ünïcode 🎉"].map((text) => ({ Data: bytes(text), PartitionKey: "key" }));
  const many = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({ StreamName, ShardId: put.ShardId, ShardIteratorType: "TRIM_HORIZON" }),
  );
  const got = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  const refused = await kinesis.send(new DescribeStreamCommand({ StreamName: `${StreamName}-unknown` })).catch((error) => error);
  kinesis.destroy();
  console.log(JSON.stringify({
    put: [put.SequenceNumber, ...many.Records.map((record) => record.SequenceNumber)],
    failed: many.FailedRecordCount,
    got: got.Records.map((record) => [record.SequenceNumber, new TextDecoder().decode(record.Data)]),
    arrived: got.Records.every((record) => Math.abs(Date.now() - record.ApproximateArrivalTimestamp) < 300_000),
    behind: got.MillisBehindLatest,
    refused: [refused.name, refused.$metadata?.httpStatusCode],
  }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
