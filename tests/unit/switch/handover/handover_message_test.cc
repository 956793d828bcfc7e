// What a process hands to its successor is read by other versions, too.

#include "switch/handover/handover_message.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace tapswitch::handover_message_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

FileDescriptor NullDevice() { return FileDescriptor(open("/dev/null", O_RDWR | O_CLOEXEC)); }

stp::Tree::Memory ExampleTree() {
  const stp::BridgeIdentifier root{.priority = 0x1000, .address = MacAddress::FromNumber(9)};
  stp::TreePort port{.id = PortId{3}, .is_there = true, .enabled = true};
  port.role = port.selected_role = port.told_role = stp::Role::kRoot;
  port.shown = PortState::kForwarding;
  port.info_is = stp::InfoIs::kReceived;
  port.migration = stp::TreePort::Migration::kSensing;
  port.topology = stp::TreePort::TopologyState::kActive;
  port.hold = stp::Hold::kLoopGuard;
  port.port_priority = {.root = root, .root_path_cost = 7, .bridge = root, .port = 0x8002};
  port.designated_times = {.message_age = 256, .max_age = 5120, .hello_time = 512};
  port.forward = port.forwarding = port.learn = port.learning = port.agree = port.synced = true;
  port.rcvd_info_while = Tick{~uint64_t{0}};
  port.tc_while = Tick{450};
  port.tx_count = 2;
  port.rate = 5;
  port.counts = {.received_rst = 12, .to_forwarding = 1};
  return {.now = Tick{400},
          .changes = {.count = 3, .last = Tick{390}, .ports = {PortId{3}, std::nullopt}},
          .ports = {port}};
}

SnoopingMemory ExampleSnooping() {
  SnoopingMemory::Context context{.vlan = VlanId{1}, .is_v4 = true};
  context.querier = {.other = {.address = IpAddress::FromV4(0x0A000001),
                               .port = PortId{3},
                               .version = 2,
                               .first_heard = Tick{1},
                               .last_heard = Tick{2},
                               .until = Tick{3}},
                     .rival = {},
                     .next = Tick{4},
                     .startup_left = 1,
                     .was_asked = true,
                     .answered_at = Tick{5}};
  context.routers = {{PortId{3}, Tick{600}}};
  context.check_answers_at = Tick{7};
  SnoopingMemory::Port port{.id = PortId{3}};
  port.unasked_until = Tick{8};
  port.is_deaf = true;
  port.unanswered = 2;
  port.counted = Tick{9};
  port.refused = {
      .count = 1, .is_crowded = true, .flooded_until = Tick{10}, .told_until = Tick{11}};
  port.witnesses = {{VlanId{1}, MacAddress::FromNumber(5), Tick{12}}};
  return {.contexts = {context},
          .ports = {port},
          .counters = {.igmp_queries = {0, 1, 2, 3}, .malformed = 4},
          .refused = 5,
          .too_many = 6};
}

std::vector<GroupMemory> ExampleGroups() {
  GroupMember member{.port = PortId{3}, .mode = FilterMode::kExclude, .has_star = true};
  member.until = Tick{100};
  member.version_2_until = Tick{110};
  member.ask = {.left = 1, .next = Tick{50}};
  member.sources = {{.address = IpAddress::FromV4(0x0A000001), .blocked = true},
                    {.address = IpAddress::FromV4(0x0A000002), .until = Tick{60}}};
  member.hosts = {{.address = IpAddress::FromV4(0x0A000003),
                   .mac = MacAddress::FromNumber(6),
                   .until = Tick{70}}};
  member.hosts_are_all = false;
  const GroupAddress mac = GroupAddress::Of(MacAddress::FromNumber(0x010203040506));
  return {{.key = {VlanId{1}, mac},
           .host = {.joined = true, .permanent = true, .until = {}},
           .known_until = {},
           .members =
               {{.port = PortId{3}, .has_star = true, .permanent = true, .made_by = kMadeByUser}}},
          {.key = {VlanId{1}, GroupAddress::Of(IpAddress::FromV4(0xEF010101))},
           .host = {},
           .known_until = Tick{90},
           .members = {member}}};
}

PreparedState Example() {
  PreparedState state{.version = "1.2.3",
                      .handovers = 4,
                      .started = Tick{77},
                      .address = MacAddress::FromNumber(0x020000000001),
                      .probe_key = {.low = 5, .high = ~uint64_t{0}},
                      .locks = NullDevice(),
                      .control = NullDevice(),
                      .commands = {"bridge set ageing_time 300s", "port add vnet1"},
                      .settled = {8, 9}};
  HandedPort port{.name = "vnet1", .id = PortId{3}, .ephemeral = true, .attached_by = "vnet*"};
  port.handover.files.emplace("queue0", NullDevice());
  port.handover.numbers.emplace("offloads", 63);
  state.ports.push_back(std::move(port));
  state.entries = {{.vlan = VlanId{1},
                    .address = MacAddress::FromNumber(7),
                    .port = PortId{3},
                    .state = MacEntryState::kStatic,
                    .sticky = true,
                    .last_seen = Tick{70}},
                   {.vlan = VlanId{0},
                    .address = MacAddress::FromNumber(8),
                    .port = PortId{3},
                    .by_user = true,
                    .extern_learn = true,
                    .locked = true,
                    .last_seen = Tick{71}}};
  state.neighbours = {{.address = IpAddress::FromV4(0x0A530001),
                       .mac = MacAddress::FromNumber(8),
                       .vlan = VlanId{0},
                       .is_router = false,
                       .last_seen = Tick{60},
                       .contested_until = Tick{90}}};
  PortLiveState live{.id = PortId{3}};
  live.counters.received = {.frames = 10, .bytes = 640};
  live.counters.joined = {.frames = 4, .into = 2};
  live.counters.Drop(DropReason::kStorm, 6);
  live.counters.Learned(LearnResult::kMoved);
  live.counters.alarms[2] = 1;
  live.guards.buckets[1] = TokenBucket({.per_second = 100, .burst = {20}}, -500, Tick{55});
  live.guards.storms[1] = {.last = Tick{54}, .shuts_down = true};
  live.shut_down = ShutDown{.cause = Alarm::Kind::kLoop, .until = Tick{500}};
  state.live.ports.push_back(live);
  state.live.vlans = {{.vlan = VlanId{1}, .port = PortId{3}, .counters = {.received = {1, 64}}}};
  state.live.moves = {{.vlan = VlanId{1},
                       .address = MacAddress::FromNumber(9),
                       .first = 1,
                       .last = 2,
                       .told_until = 3,
                       .held_until = ~uint64_t{0},
                       .moves = 4}};
  state.live.evictions = 11;
  state.live.loops = {.probes = 12, .loops = 1};
  state.live.neighbours = {.answered = 1, .spared = 2, .contested = 3};
  state.live.tree = ExampleTree();
  state.live.snooping = ExampleSnooping();
  state.groups = ExampleGroups();
  return state;
}

// As the kernel passes a message on.
DescriptorChannel::Message Arrived(const OutgoingMessage& message) {
  DescriptorChannel::Message arrived{.text = message.text, .files = {}};
  for (const int fd : message.files) arrived.files.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  return arrived;
}

absl::StatusOr<PreparedState> DecodeJson(const json& shown) {
  return DecodePrepared({.text = shown.dump(), .files = {}});
}

TEST(HandoverMessageTest, WhatIsPreparedArrivesAsItWas) {
  const PreparedState state = Example();
  const auto arrived = DecodePrepared(Arrived(EncodePrepared(state)));
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->version, state.version);
  EXPECT_EQ(arrived->handovers, state.handovers);
  EXPECT_EQ(arrived->started, state.started);
  EXPECT_EQ(arrived->address, state.address);
  EXPECT_EQ(arrived->probe_key.high, state.probe_key.high);
  EXPECT_TRUE(arrived->locks.valid());
  EXPECT_TRUE(arrived->control.valid());
  EXPECT_EQ(arrived->commands, state.commands);
  EXPECT_EQ(arrived->settled, state.settled);
  EXPECT_EQ(arrived->entries, state.entries);
  EXPECT_EQ(arrived->neighbours, state.neighbours);
  EXPECT_EQ(arrived->groups, state.groups);
  EXPECT_EQ(arrived->live, state.live);
  ASSERT_EQ(arrived->ports.size(), 1U);
  EXPECT_EQ(arrived->ports[0].name, "vnet1");
  EXPECT_TRUE(arrived->ports[0].ephemeral);
  EXPECT_TRUE(arrived->ports[0].handover.files.at("queue0").valid());
  EXPECT_EQ(arrived->ports[0].handover.number("offloads"), 63U);
}

TEST(HandoverMessageTest, TheRestArrivesAsItWas) {
  FinalState state{.paused_at = std::chrono::nanoseconds(123456789)};
  state.live = Example().live;
  state.groups = ExampleGroups();
  state.changes = {{.kind = Change::Kind::kMoved, .from = PortId{1}, .entry = Example().entries[0]},
                   {.kind = Change::Kind::kGate},
                   {.kind = Change::Kind::kVlanFlushed, .entry = {.vlan = VlanId{9}}}};
  HandedPort port{.id = PortId{5}};
  port.handover.files.emplace("connection", NullDevice());
  state.ports.push_back(std::move(port));
  const auto arrived = DecodeFinal(Arrived(EncodeFinal(state)));
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->paused_at, state.paused_at);
  EXPECT_EQ(arrived->live, state.live);
  EXPECT_EQ(arrived->groups, state.groups);
  EXPECT_FALSE(arrived->has_entries);
  ASSERT_EQ(arrived->ports.size(), 1U);
  EXPECT_EQ(arrived->ports[0].id, PortId{5});
  EXPECT_TRUE(arrived->ports[0].handover.has("connection"));
  ASSERT_EQ(arrived->changes.size(), 2U) << "gates are made anew";
  EXPECT_EQ(arrived->changes[0].kind, Change::Kind::kSet);
  EXPECT_EQ(arrived->changes[0].entry, state.changes[0].entry);
  EXPECT_EQ(arrived->changes[1].entry.vlan, VlanId{9});
}

TEST(HandoverMessageTest, WhatIsNotKnownIsIgnoredAndWhatIsMissingHasADefault) {
  const auto least = DecodeJson({{"format", 1}, {"kind", "prepared"}});
  ASSERT_TRUE(least.ok()) << least.status();
  EXPECT_TRUE(least->ports.empty());
  json more = json::parse(EncodePrepared(Example()).text);
  more["later"] = {{"anything", 1}};
  more["live"]["ports"][0]["counters"]["drops"]["a_reason_of_later"] = 5;
  more["live"]["ports"][0]["shut_down"]["cause"] = "a_cause_of_later";
  more["entries"][0][4] = "static sticky word_of_later";
  more.erase("locks");
  more.erase("control");
  more["ports"][0].erase("files");
  const auto arrived = DecodeJson(more);
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->entries, Example().entries);
  EXPECT_TRUE(arrived->live.ports[0].shut_down.has_value());
}

TEST(HandoverMessageTest, AnotherFormatIsRefusedByItsNumber) {
  const auto refused = DecodeJson({{"format", 2}, {"kind", "prepared"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(refused.status().message(), HasSubstr("format 2"));
}

TEST(HandoverMessageTest, ValuesThatMakeNoSenseAreRefused) {
  const json good = json::parse(EncodePrepared(Example()).text);
  const std::vector<std::pair<const char*, json>> bad{
      {"/started", -1},
      {"/version", 5},
      {"/commands/0", 5},
      {"/ports/0/id", 100000},
      {"/ports/0/files/queue0", 99},
      {"/entries/0/0", 5000},
      {"/entries/0/4", 7},
      {"/neighbours/0/ip", "10.0.0.1"},
      {"/live/ports/0/counters/received", json::array({1, "x"})},
      {"/live/ports/0/guards/bucket_multicast/per_second", ~uint64_t{0}},
      {"/live/vlans/0/vlan", 4096},
      {"/live/moves", json::object()},
      {"/locks", 1000}};
  for (const auto& [place, value] : bad) {
    json state = good;
    state[json::json_pointer(place)] = value;
    EXPECT_FALSE(DecodeJson(state).ok()) << place;
  }
  for (const char* text : {"", "[]", "{", "nonsense", R"({"format":1,"kind":"final"})"}) {
    EXPECT_FALSE(DecodePrepared({.text = text, .files = {}}).ok()) << text;
  }
}

TEST(HandoverMessageTest, AFileIsTakenOnce) {
  OutgoingMessage message = EncodePrepared(Example());
  json twice = json::parse(message.text);
  twice["control"] = twice["locks"];
  message.text = twice.dump();
  EXPECT_FALSE(DecodePrepared(Arrived(message)).ok());
}

TEST(HandoverMessageTest, AnswersArriveAsTheyWere) {
  EXPECT_EQ(DecodeAnswer(EncodeReady().text)->kind, SuccessorAnswer::Kind::kReady);
  const auto refused = DecodeAnswer(EncodeRefusal("no \xff room").text);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->kind, SuccessorAnswer::Kind::kRefused);
  EXPECT_THAT(refused->why, HasSubstr("room"));
  const auto running = DecodeAnswer(EncodeRunning(std::chrono::microseconds(1500), {"x"}).text);
  ASSERT_TRUE(running.ok());
  EXPECT_EQ(running->gap, std::chrono::microseconds(1500));
  EXPECT_EQ(running->not_kept, std::vector<std::string>{"x"});
  EXPECT_FALSE(DecodeAnswer("{\"format\":1,\"kind\":\"other\"}").ok());
}

}  // namespace
}  // namespace tapswitch::handover_message_test
