// Runs a fuzz target over the files of a corpus, for compilers without libFuzzer.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

// The name and the C linkage are libFuzzer's.
// NOLINTNEXTLINE(readability-redundant-declaration): with the target in one file it is declared
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void Replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what cannot be read ends it
int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      Replay(entry.path());
      ++files;
    }
  }
  std::cout << "replayed " << files << " files\n";
  return files == 0 ? 1 : 0;  // an empty corpus is a mistake, not a success
}
