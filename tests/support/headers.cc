// Holds nothing: CMake compiles the headers that tests share with it.
