#include "ports/interface/fastpath/forward_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "ports/interface/fastpath/fastpath_abi.h"
#include "ports/interface/fastpath/forward_object.h"

namespace tapswitch {
namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

// The library writes pages about what the caller says in one line.
int SayNothing(libbpf_print_level /*level*/, const char* /*format*/, va_list /*arguments*/) {
  return 0;
}

absl::Status Failed(int error, const char* what) {
  if (error == EPERM) {
    return absl::PermissionDeniedError("it takes CAP_BPF and CAP_NET_ADMIN at the start");
  }
  return absl::ErrnoToStatus(error, what);
}

FileDescriptor Duplicate(int fd) { return FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

absl::Status SetConstants(bpf_object* object, uint32_t mark) {
  const tapswitch_constants constants{.mark = mark};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (!std::string_view(bpf_map__name(map)).ends_with(".rodata")) continue;
    const int error = bpf_map__set_initial_value(map, &constants, sizeof(constants));
    return error == 0 ? absl::OkStatus() : Failed(-error, "setting constants of a BPF program");
  }
  return absl::InternalError("the BPF object has no constants");
}

FileDescriptor Program(const bpf_object* object, const char* name) {
  const bpf_program* const program = bpf_object__find_program_by_name(object, name);
  return program == nullptr ? FileDescriptor() : Duplicate(bpf_program__fd(program));
}

FileDescriptor Map(const bpf_object* object, const char* name) {
  const bpf_map* const map = bpf_object__find_map_by_name(object, name);
  return map == nullptr ? FileDescriptor() : Duplicate(bpf_map__fd(map));
}

bool IsComplete(const ForwardPrograms& loaded) {
  const std::array files{&loaded.decide, &loaded.carry,      &loaded.tap,
                         &loaded.flows,  &loaded.interfaces, &loaded.generations,
                         &loaded.seats,  &loaded.cells,      &loaded.settings};
  return std::ranges::all_of(files, [](const FileDescriptor* file) { return file->valid(); });
}

}  // namespace

bool HasForwardPrograms() { return true; }

// FNV-1a of the object.
uint64_t ForwardProgramsId() {
  uint64_t hash = 0xCBF29CE484222325;
  for (const unsigned char byte : ForwardObject()) hash = (hash ^ byte) * 0x100000001B3;
  return hash;
}

absl::StatusOr<ForwardPrograms> LoadForwardPrograms(uint32_t mark) {
  const auto bytes = ForwardObject();
  libbpf_set_print(SayNothing);
  const Object object(bpf_object__open_mem(bytes.data(), bytes.size(), nullptr));
  if (object == nullptr) return Failed(errno, "reading a BPF object");
  if (absl::Status set = SetConstants(object.get(), mark); !set.ok()) return set;
  if (const int error = bpf_object__load(object.get()); error != 0) {
    return Failed(-error, "loading BPF programs");
  }
  ForwardPrograms loaded{.decide = Program(object.get(), "tapswitch_decide"),
                         .carry = Program(object.get(), "tapswitch_carry"),
                         .tap = Program(object.get(), "tapswitch_tap"),
                         .flows = Map(object.get(), "flows"),
                         .interfaces = Map(object.get(), "interfaces"),
                         .generations = Map(object.get(), "generations"),
                         .seats = Map(object.get(), "seats"),
                         .cells = Map(object.get(), "cells"),
                         .settings = Map(object.get(), "settings")};
  if (!IsComplete(loaded)) return Failed(errno, "keeping BPF programs");
  return loaded;
}

}  // namespace tapswitch
