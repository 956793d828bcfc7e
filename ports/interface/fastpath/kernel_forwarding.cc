#include "ports/interface/fastpath/kernel_forwarding.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tapswitch {
namespace {

long CallMap(bpf_cmd command, const FileDescriptor& map, const void* key, const void* value) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map.get());
  attributes.key = reinterpret_cast<uintptr_t>(key);
  attributes.value = reinterpret_cast<uintptr_t>(value);
  attributes.flags = BPF_ANY;
  return syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

// Those that the kernel could have, which per-processor maps have a value for. 0 when unknown.
size_t CountPossibleProcessors() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string text;
  if (!std::getline(file, text) || text.empty()) return 0;
  const size_t last = text.find_last_of("-,");
  return std::stoul(last == std::string::npos ? text : text.substr(last + 1)) + 1;
}

// The files of the programs and maps, by the names under which they are handed over.
constexpr std::array<std::pair<const char*, FileDescriptor ForwardPrograms::*>, 9> kFiles{{
    {"decide", &ForwardPrograms::decide},
    {"carry", &ForwardPrograms::carry},
    {"tap", &ForwardPrograms::tap},
    {"flows", &ForwardPrograms::flows},
    {"interfaces", &ForwardPrograms::interfaces},
    {"generations", &ForwardPrograms::generations},
    {"seats", &ForwardPrograms::seats},
    {"cells", &ForwardPrograms::cells},
    {"settings", &ForwardPrograms::settings},
}};

uint32_t RandomMark() { return std::random_device()() | 0x8000'0000U; }

}  // namespace

absl::StatusOr<std::unique_ptr<KernelForwarding>> KernelForwarding::Load() {
  auto programs = LoadForwardPrograms(RandomMark());
  if (!programs.ok()) return programs.status();
  return Make(*std::move(programs));
}

absl::StatusOr<std::unique_ptr<KernelForwarding>> KernelForwarding::Inherit(PortHandover& files) {
  if (files.number("program") != ForwardProgramsId()) {
    return absl::FailedPreconditionError(
        "the programs that were handed over are those of another version");
  }
  ForwardPrograms programs;
  for (const auto& [name, file] : kFiles) {
    programs.*file = files.Take(name);
    if (!(programs.*file).valid()) return absl::FailedPreconditionError("a program is missing");
  }
  auto made = Make(std::move(programs));
  if (!made.ok()) return made;
  (*made)->is_inherited_ = true;
  if (files.number("killed") != 0) (*made)->RemoveAllFlows();
  const MutexLock lock((*made)->mutex_);
  (*made)->next_seat_ = files.number("next_seat");
  return made;
}

bool KernelForwarding::HandOver(PortHandover& to) {
  to.numbers["program"] = ForwardProgramsId();
  {
    const MutexLock lock(mutex_);
    to.numbers["next_seat"] = next_seat_;
  }
  return std::all_of(kFiles.begin(), kFiles.end(), [&](const auto& one) {
    return to.AddCopy(one.first, (programs_.*one.second).get());
  });
}

absl::StatusOr<std::unique_ptr<KernelForwarding>> KernelForwarding::Make(ForwardPrograms programs) {
  const auto netns = NetworkNamespace::Current();
  if (!netns.ok()) return netns.status();
  auto generations = Numbers::Map(programs.generations.get(), TAPSWITCH_GENERATIONS);
  if (!generations.ok()) return generations.status();
  auto seats = MappedArray<tapswitch_seat>::Map(programs.seats.get(), TAPSWITCH_MOST_SEATS);
  if (!seats.ok()) return seats.status();
  auto settings = MappedArray<tapswitch_settings>::Map(programs.settings.get(), 1);
  if (!settings.ok()) return settings.status();
  std::unique_ptr<KernelForwarding> loaded(
      new KernelForwarding(netns->id(), std::move(programs), *std::move(generations),
                           *std::move(seats), *std::move(settings)));
  if (loaded->processors_ == 0) return absl::InternalError("the number of processors is unknown");
  return loaded;
}

KernelForwarding::KernelForwarding(NetnsId netns, ForwardPrograms programs, Numbers generations,
                                   MappedArray<tapswitch_seat> seats,
                                   MappedArray<tapswitch_settings> settings)
    : netns_(netns),
      programs_(std::move(programs)),
      generations_(std::move(generations)),
      seats_(std::move(seats)),
      settings_(std::move(settings)),
      processors_(CountPossibleProcessors()) {}

// `seen` is read after `done`, which is only ever taken back to it: so it gets too small for no
// frame that is done meanwhile.
void KernelSeat::DoneIfSeen(uint64_t frames) {
  Done(frames);
  const std::atomic_ref done(counts_.done);
  auto known = done.load();
  while (true) {
    const uint64_t seen = std::atomic_ref(counts_.seen).load();
    if (known <= seen || done.compare_exchange_strong(known, seen)) return;
  }
}

// What others do meanwhile counts, too, and is put right by what is done next.
void KernelSeat::Settle() {
  const uint64_t done = std::atomic_ref(counts_.done).load();
  const uint64_t seen = std::atomic_ref(counts_.seen).load();
  DoneIfSeen(seen > done ? seen - done : 0);
}

// In turn, so that one that was left is not used again for long.
std::shared_ptr<KernelSeat> KernelForwarding::NewSeat() {
  const MutexLock lock(mutex_);
  for (size_t tried = 0; tried < taken_.size(); ++tried) {
    const size_t number = next_seat_++ % taken_.size();
    if (!taken_[number].expired()) continue;
    seats_[number] = {};
    auto seat = std::make_shared<KernelSeat>(seats_[number], static_cast<uint32_t>(number));
    taken_[number] = seat;
    return seat;
  }
  return nullptr;
}

std::shared_ptr<KernelSeat> KernelForwarding::InheritSeat(uint32_t number, bool fresh) {
  const MutexLock lock(mutex_);
  if (!is_inherited_ || number >= taken_.size() || !taken_[number].expired()) return nullptr;
  if (fresh) seats_[number] = {};
  auto seat = std::make_shared<KernelSeat>(seats_[number], number);
  taken_[number] = seat;
  return seat;
}

absl::Status KernelForwarding::SetSeat(int ifindex, const KernelSeat& seat) const {
  const auto key = static_cast<uint32_t>(ifindex);
  const uint32_t number = seat.number();
  if (CallMap(BPF_MAP_UPDATE_ELEM, programs_.interfaces, &key, &number) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "adding an interface to a BPF map");
}

void KernelForwarding::RemoveSeat(int ifindex) const {
  const auto key = static_cast<uint32_t>(ifindex);
  CallMap(BPF_MAP_DELETE_ELEM, programs_.interfaces, &key, nullptr);
}

absl::Status KernelForwarding::Put(const FlowKey& key, const Flow& flow) const {
  if (CallMap(BPF_MAP_UPDATE_ELEM, programs_.flows, &key, &flow) == 0) return absl::OkStatus();
  if (errno == E2BIG) return absl::ResourceExhaustedError("the table of flows is full");
  return absl::ErrnoToStatus(errno, "adding a flow to a BPF map");
}

void KernelForwarding::Remove(const FlowKey& key) const {
  CallMap(BPF_MAP_DELETE_ELEM, programs_.flows, &key, nullptr);
}

// None is used once the generation is another.
void KernelForwarding::RemoveAllFlows() const {
  EndAll();
  FlowKey key{};
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(programs_.flows.get());
  attributes.next_key = reinterpret_cast<uintptr_t>(&key);
  for (size_t i = 0; i <= TAPSWITCH_MOST_FLOWS; ++i) {
    // Without a key, the first.
    if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_KEY, &attributes, sizeof(attributes)) != 0) return;
    Remove(key);
  }
}

std::optional<Flow> KernelForwarding::Find(const FlowKey& key) const {
  Flow flow{};
  if (CallMap(BPF_MAP_LOOKUP_ELEM, programs_.flows, &key, &flow) != 0) return std::nullopt;
  return flow;
}

FlowCell KernelForwarding::ReadCell(uint32_t number) const {
  std::vector<FlowCell> values(processors_);
  FlowCell sum{};
  if (CallMap(BPF_MAP_LOOKUP_ELEM, programs_.cells, &number, values.data()) != 0) return sum;
  for (const FlowCell& value : values) {
    sum.received_frames += value.received_frames;
    sum.received_bytes += value.received_bytes;
    sum.sent_frames += value.sent_frames;
    sum.sent_bytes += value.sent_bytes;
    sum.forwarded_bytes += value.forwarded_bytes;
    sum.drained += value.drained;
    sum.failed += value.failed;
  }
  return sum;
}

}  // namespace tapswitch
