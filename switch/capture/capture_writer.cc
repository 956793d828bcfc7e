#include "switch/capture/capture_writer.h"

#include <algorithm>
#include <utility>

#include "switch/capture/pcapng.h"

namespace tapswitch {
namespace {

std::string_view TextOf(CapturePoint::Note note) {
  switch (note) {
    case CapturePoint::Note::kNone:
      break;
    case CapturePoint::Note::kImpairedLoss:
      return "impaired: lost";
    case CapturePoint::Note::kImpairedLimit:
      return "impaired: dropped, as the limit of held frames is reached";
    case CapturePoint::Note::kDuplicated:
      return "impaired: duplicated";
    case CapturePoint::Note::kCorrupted:
      return "impaired: corrupted on the way";
  }
  return {};
}

}  // namespace

CaptureWriter::CaptureWriter(Options options, CapturePoint& point, const Clock& clock,
                             std::function<std::string(PortId)> name)
    : options_(options),
      point_(point),
      clock_(clock),
      name_(std::move(name)),
      start_(clock.RealTime()) {}

void CaptureWriter::Begin(std::string& out) { pcapng::AppendSectionHeader("tapswitchd", out); }

CaptureWriter::State CaptureWriter::Write(size_t limit, std::string& out) {
  State state = State::kMore;
  while (state == State::kMore && out.size() < limit) {
    const auto record = point_.Front();
    ForgetUpTo(point_.read_position(), out);
    if (options_.count == 0) {
      state = State::kEnded;
    } else if (!record) {
      state = State::kEmpty;
    } else {
      WritePacket(*record, out);
      point_.Pop();
      if (options_.count) --*options_.count;
    }
  }
  WriteLosses(out);
  return state;
}

void CaptureWriter::WritePacket(const CapturePoint::Record& record, std::string& out) {
  Interface& interface = InterfaceOf(record.port, out);
  interface.lost += record.lost;
  interface.lost_more |= record.lost != 0;
  pcapng::AppendPacket({.interface = interface.number,
                        .time = record.time,
                        .outbound = record.direction == CapturePoint::Direction::kOutbound,
                        .length = record.length,
                        .lost = record.lost,
                        .comment = TextOf(record.note),
                        .bytes = record.bytes},
                       out);
}

// Writes losses as they occur, so that the user of a slow reader sees them before the end.
void CaptureWriter::WriteLosses(std::string& out) {
  for (auto& [port, interface] : interfaces_) {
    if (!std::exchange(interface.lost_more, false)) continue;
    pcapng::AppendStatistics({.interface = interface.number,
                              .start = start_,
                              .time = clock_.RealTime(),
                              .lost = interface.lost},
                             out);
  }
}

CaptureWriter::Interface& CaptureWriter::InterfaceOf(PortId port, std::string& out) {
  const auto [place, is_new] = interfaces_.try_emplace(port);
  if (is_new) {
    place->second.number = next_number_++;
    pcapng::AppendInterface(NameAt(port), options_.snap_length, out);
  }
  return place->second;
}

// Returns the name of the port that had the id when the record that is read now was written.
std::string CaptureWriter::NameAt(PortId port) const {
  const auto gone = std::find_if(forgotten_.begin(), forgotten_.end(),
                                 [&](const Forgotten& one) { return one.port == port; });
  return gone == forgotten_.end() ? name_(port) : gone->name;
}

void CaptureWriter::ForgetPort(PortId port) {
  forgotten_.push_back({.position = point_.write_position(),
                        .port = port,
                        .name = name_(port),
                        .counts = point_.counts(port)});
}

void CaptureWriter::ForgetUpTo(uint64_t position, std::string& out) {
  while (!forgotten_.empty() && forgotten_.front().position <= position) {
    const Forgotten& gone = forgotten_.front();
    WriteCounts(gone.port, gone.counts, out);
    interfaces_.erase(gone.port);
    before_[gone.port] = gone.counts;
    forgotten_.pop_front();
  }
}

void CaptureWriter::WriteCounts(PortId port, const CapturePoint::Counts& counts, std::string& out) {
  const auto interface = interfaces_.find(port);
  if (interface == interfaces_.end()) return;
  const CapturePoint::Counts& before = before_[port];
  pcapng::AppendStatistics({.interface = interface->second.number,
                            .start = start_,
                            .time = clock_.RealTime(),
                            .lost = counts.lost - before.lost,
                            .received = counts.seen - before.seen,
                            .filtered = counts.taken - before.taken},
                           out);
}

void CaptureWriter::Finish(std::string& out) {
  ForgetUpTo(point_.write_position(), out);
  for (const auto& [port, interface] : interfaces_) WriteCounts(port, point_.counts(port), out);
}

}  // namespace tapswitch
