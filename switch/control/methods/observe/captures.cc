#include "switch/control/methods/observe/captures.h"

#include <algorithm>
#include <string>
#include <utility>

#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace tapswitch {
namespace {

// Handed to the socket at once.
constexpr size_t kChunk = size_t{256} << 10U;

// Ports that have gone and are still to be told of.
constexpr size_t kMaxForgotten = 4096;

}  // namespace

Captures::Captures(const BridgeControl& control, RunningSwitch running, ControlSocket* socket)
    : control_(control), running_(std::move(running)), socket_(socket) {}

absl::Status Captures::Watch() {
  auto wake = WakeEvent::Create();
  if (!wake.ok()) return wake.status();
  wake_ = *std::move(wake);
  // Pump follows each turn.
  return socket_->Watch(wake_->fd(), [this] { wake_->Clear(); });
}

absl::Status Captures::Start(ClientId client, Wish wish) {
  if (!wake_) return absl::FailedPreconditionError("there is nobody to capture for");
  if (running_captures_.size() >= kMaxCaptures) {
    return absl::ResourceExhaustedError(
        fmt::format("{} captures run already: end one of them first", kMaxCaptures));
  }
  if (absl::Status affordable = CheckCost(wish.filter); !affordable.ok()) return affordable;
  Capture capture{.client = client, .port = wish.port, .filter_cost = wish.filter.cost()};
  capture.tap = std::make_unique<CapturePoint>(
      CapturePoint::Options{.ports = wish.port ? PortSet::Of(*wish.port) : PortSet::All(),
                            .filter = std::move(wish.filter),
                            .snap_length = wish.snap_length,
                            .memory = kMemory},
      *wake_);
  capture.writer = std::make_unique<CaptureWriter>(
      CaptureWriter::Options{.snap_length = wish.snap_length, .count = wish.count}, *capture.tap,
      running_.clock, [this](PortId id) { return control_.NameOf(id); });
  running_.workers.AddCapture(*capture.tap);
  socket_->MarkStreaming(client);
  spdlog::info("capture of {} for client {}: begins",
               wish.port ? control_.NameOf(*wish.port) : "all ports", client.value);
  running_captures_.push_back(std::move(capture));
  return absl::OkStatus();
}

// Forwarding threads run the filters, on each frame.
absl::Status Captures::CheckCost(const PacketFilter& filter) const {
  size_t in_use = 0;
  for (const Capture& capture : running_captures_) {
    if (capture.tapping) in_use += capture.filter_cost;
  }
  if (filter.cost() <= kMaxFilterCost - std::min(in_use, kMaxFilterCost)) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "filter: it may take {} steps a frame, and filters of other captures take {} of the "
      "{} that there are: make it simpler, or filter the file",
      filter.cost(), in_use, kMaxFilterCost));
}

Captures::Capture* Captures::Find(ClientId client) {
  const auto found = std::find_if(running_captures_.begin(), running_captures_.end(),
                                  [&](const Capture& one) { return one.client == client; });
  return found == running_captures_.end() ? nullptr : &*found;
}

bool Captures::Has(ClientId client) const {
  return const_cast<Captures*>(this)->Find(client) != nullptr;
}

void Captures::RemoveTap(Capture& capture) {
  if (!std::exchange(capture.tapping, false)) return;
  running_.workers.RemoveCapture(*capture.tap);
  spdlog::info("capture for client {}: ends", capture.client.value);
}

void Captures::Stop(ClientId client) {
  if (Capture* const capture = Find(client); capture != nullptr) RemoveTap(*capture);
}

void Captures::StopAll() {
  for (Capture& capture : running_captures_) RemoveTap(capture);
}

void Captures::Forget(ClientId client) {
  Stop(client);
  std::erase_if(running_captures_, [&](const Capture& one) { return one.client == client; });
}

void Captures::ForgetPort(PortId port) {
  for (Capture& capture : running_captures_) {
    capture.writer->ForgetPort(port);
    if (capture.port == port) RemoveTap(capture);
  }
  // Of a client that has not read for so long that it would be the ports that take the memory.
  std::erase_if(running_captures_, [this](Capture& capture) {
    if (capture.writer->forgotten() <= kMaxForgotten) return false;
    RemoveTap(capture);
    socket_->End(capture.client);
    return true;
  });
}

void Captures::Pump() {
  std::erase_if(running_captures_, [this](Capture& capture) { return !PumpOne(capture); });
}

// The ports that there are go first, in the order in which they were added.
void Captures::Begin(Capture& capture, std::string& out) {
  capture.begun = true;
  CaptureWriter::Begin(out);
  for (const PortConfig& port : control_.config().ports) {
    const auto id = control_.FindPort(port.spec.name);
    if (id.ok() && (!capture.port || *capture.port == *id)) capture.writer->AddPort(*id, out);
  }
}

// False when it has come to its end.
bool Captures::PumpOne(Capture& capture) {
  auto state = CaptureWriter::State::kMore;
  while (state == CaptureWriter::State::kMore && socket_->HasRoom(capture.client)) {
    std::string out;
    if (!capture.begun) Begin(capture, out);
    state = capture.writer->Write(kChunk, out);
    if (state == CaptureWriter::State::kEnded) RemoveTap(capture);
    const bool is_over = state != CaptureWriter::State::kMore && !capture.tapping;
    if (is_over) capture.writer->Finish(out);
    if (!out.empty()) static_cast<void>(socket_->Push(capture.client, std::move(out)));
    if (is_over) {
      socket_->End(capture.client);
      return false;
    }
  }
  return true;
}

}  // namespace tapswitch
