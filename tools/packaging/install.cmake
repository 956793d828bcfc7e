# Run at install time, which alone knows the prefix. As the GNU Coding Standards have it, the
# configuration of what is in /usr is in /etc. SOURCE_DIR and BINARY_DIR are this folder and its
# counterpart in the build.
set(SBINDIR "${CMAKE_INSTALL_PREFIX}/sbin")
set(BINDIR "${CMAKE_INSTALL_PREFIX}/bin")
set(DATADIR "${CMAKE_INSTALL_PREFIX}/share")
set(SYSCONFDIR "${CMAKE_INSTALL_PREFIX}/etc")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(SYSCONFDIR /etc)
endif()
configure_file("${SOURCE_DIR}/tapswitchd@.service.in" "${BINARY_DIR}/tapswitchd@.service" @ONLY)
file(INSTALL "${BINARY_DIR}/tapswitchd@.service"
     DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
file(INSTALL "${SOURCE_DIR}/br0.conf.example" "${SOURCE_DIR}/br0.startup.example"
             "${SOURCE_DIR}/bridge.conf.example"
     DESTINATION "${SYSCONFDIR}/tapswitch")
