// A reader of the log that ends, or a disk that is full, costs lines and nothing else; and what
// names from outside bring along stays on its line. Such bytes went to the terminal as they were.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "ports/os/file_descriptor.h"
#include "ports/os/text.h"
#include "switch/process/line_sink.h"

namespace tapswitch::log_reader_gone_test {
namespace {

using testing::HasSubstr;

std::unique_ptr<spdlog::logger> LoggerTo(int fd) {
  auto sink = std::make_shared<LineSink>(fd);
  sink->set_pattern("%l %v");
  return std::make_unique<spdlog::logger>("br0", std::move(sink));
}

FileDescriptor MemoryFile() { return FileDescriptor(memfd_create("log", MFD_CLOEXEC)); }

std::string Contents(const FileDescriptor& file) {
  std::array<char, 4096> text{};
  const ssize_t size = pread(file.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<size_t>(size)};
}

TEST(LogReaderGoneTest, LinesThatCouldNotBeWrittenAreToldOnceTheyCan) {
  signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  close(ends[0]);
  const FileDescriptor log_file(ends[1]);
  const auto log = LoggerTo(log_file.get());
  for (int i = 0; i < 3; ++i) log->info("nobody reads this");
  // A reader is there again, as with a fifo.
  const FileDescriptor file = MemoryFile();
  dup2(file.get(), log_file.get());
  log->info("somebody does");
  EXPECT_EQ(Contents(file), "error 3 lines lost: Broken pipe\ninfo somebody does\n");
}

TEST(LogReaderGoneTest, ALineThatWasCutOffByAFullDiskEnds) {
  signal(SIGXFSZ, SIG_IGN);
  const FileDescriptor file(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.valid());
  const auto log = LoggerTo(file.get());
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit narrow = before;
  narrow.rlim_cur = 8;
  setrlimit(RLIMIT_FSIZE, &narrow);
  log->info("abcdef");
  setrlimit(RLIMIT_FSIZE, &before);
  log->info("more");
  EXPECT_EQ(Contents(file), "info abc\nerror 1 lines lost: File too large\ninfo more\n");
}

TEST(LogReaderGoneTest, NamesFromOutsideStayOnTheirLine) {
  const FileDescriptor file = MemoryFile();
  LoggerTo(file.get())->info("port {}: up", "a\n\x1b[2J\xc2\x9b\xff\xc3\xa9");
  EXPECT_EQ(Contents(file), "info port a\\x0a\\x1b[2J\\xc2\\x9b\\xff\xc3\xa9: up\n");
}

TEST(LogReaderGoneTest, ALimitOnFilesComesWithItsCure) {
  EXPECT_THAT(WithCure("port a: eventfd: Too many open files"),
              HasSubstr("; raise ulimit -n (now "));
  EXPECT_THAT(WithCure("Too many open files in system"), HasSubstr("fs.file-max"));
  EXPECT_EQ(WithCure(WithCure("Too many open files")), WithCure("Too many open files"));
  EXPECT_EQ(WithCure("anything else"), "anything else");
}

}  // namespace
}  // namespace tapswitch::log_reader_gone_test
