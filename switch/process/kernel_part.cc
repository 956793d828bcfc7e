#include "switch/process/kernel_part.h"

#include <sys/utsname.h>

#include <utility>

#include "ports/interface/netdev/packet_offloads.h"
#include "spdlog/spdlog.h"

namespace tapswitch {

KernelPart LoadKernelForwarding(bool wanted) {
  if (!wanted) return {.kernel = nullptr, .why_not = "--kernel_forwarding=off"};
  auto loaded = KernelForwarding::Load();
  if (loaded.ok()) return {.kernel = *std::move(loaded), .why_not = {}};
  std::string why(loaded.status().message());
  spdlog::info("known conversations are not carried by the kernel: {}", why);
  return {.kernel = nullptr, .why_not = std::move(why)};
}

KernelPart InheritKernelForwarding(bool wanted, PortHandover& inherited) {
  if (!wanted || inherited.files.empty()) return LoadKernelForwarding(wanted);
  auto taken = KernelForwarding::Inherit(inherited);
  if (taken.ok()) return {.kernel = *std::move(taken), .why_not = {}};
  std::string why(taken.status().message());
  why += ": a restart brings it back";
  spdlog::warn("known conversations are not carried by the kernel any more: {}", why);
  return {.kernel = nullptr, .why_not = std::move(why)};
}

bool HasLoadedAllPrograms(const KernelPart& part) {
  utsname system{};
  uname(&system);
  const char* const release = static_cast<const char*>(system.release);
  return part.kernel != nullptr && ReleaseKnowsUdpSegmentation(release);
}

}  // namespace tapswitch
