#include "tools/tapctl/capture_filter.h"

#include <pcap/pcap.h>

#include <memory>
#include <span>

#include "spdlog/fmt/fmt.h"

namespace tapswitch {
namespace {

struct CloseHandle {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

}  // namespace

absl::StatusOr<nlohmann::json> CompileFilter(const std::string& expression) {
  constexpr int kSnapLength = 262144;
  const std::unique_ptr<pcap_t, CloseHandle> handle(pcap_open_dead(DLT_EN10MB, kSnapLength));
  bpf_program program{};
  if (handle == nullptr || pcap_compile(handle.get(), &program, expression.c_str(), /*optimize=*/1,
                                        PCAP_NETMASK_UNKNOWN) != 0) {
    return absl::InvalidArgumentError(fmt::format(
        "filter '{}': {}", expression, handle ? pcap_geterr(handle.get()) : "no memory"));
  }
  auto instructions = nlohmann::json::array();
  for (const bpf_insn& one : std::span(program.bf_insns, program.bf_len)) {
    instructions.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&program);
  return instructions;
}

}  // namespace tapswitch
