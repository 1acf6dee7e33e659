import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  ParseUUIDPipe,
  Post,
  Query,
  Req,
  Res,
  UseFilters,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiCookieAuth, ApiOperation, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { dayInHelsinki } from '#calendar';
import type { Clock, ConsentId } from '#kernel';
import { CLOCK, Public } from '#platform';
import { Notices } from '../give-notice/notices.js';
import { Directory } from '../look-up-directory/directory.js';
import { Page } from '../print-page/print-page.controller.js';
import { ConsentDto } from '../record-consent/consent.dto.js';
import type { Account } from './account.js';
import { giveCookie, readCookie, takeCookie } from './account-cookies.js';
import { type AccountHost, AccountHosts } from './account-hosts.js';
import { accountPage, type AccountSetting, withdrawnPage } from './account-page.js';
import { ACCOUNT_PATH } from './account-path.js';
import type { AccountSession } from './account-sessions.js';
import { AccountDto, FormDto, LanguageQuery, OtherDto } from './client-account.dto.js';
import { ClientAccount, personOf } from './client-account.handler.js';
import { RefusedPageFilter } from './refused-page.filter.js';
import { shownAccount } from './show-account.js';

/** A look or an act of whoever has logged in. */
interface LoggedIn {
  readonly host: AccountHost;
  readonly session: AccountSession;
}

/**
 * The one part of the agent that the public reaches (below /v1/account, by the agency's own proxy): clients log in by strong
 * identification and see everything about themselves. Off where the agency has no `account` in its settings.
 */
@ApiTags('client account')
@Public()
@UseFilters(RefusedPageFilter)
@Controller(`${ACCOUNT_PATH}/:agency`)
export class ClientAccountController {
  constructor(
    @Inject(AccountHosts) private readonly hosts: AccountHosts,
    @Inject(ClientAccount) private readonly account: ClientAccount,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Notices) private readonly notices: Notices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('login')
  @HttpCode(303)
  @Header('cache-control', 'no-store')
  @ApiSecurity({})
  @ApiOperation({ summary: 'Leads the browser to the identification service (OpenID Connect, code with PKCE)' })
  @ApiResponse({ status: 303 })
  async login(
    @Param('agency') agency: string,
    @Query() { language }: LanguageQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const host = this.hosts.get(agency);
    await this.hosts.countLogin(host);
    const { login, url } = await host.identification.begin(language);
    giveCookie(reply, host, 'login', await this.hosts.logins.seal(host.agency.id, login));
    void reply.header('location', url.href);
  }

  @Get('callback')
  @HttpCode(303)
  @Header('cache-control', 'no-store')
  @ApiSecurity({})
  @ApiOperation({ summary: 'Where the identification service leads the browser back; then to the page' })
  @ApiResponse({ status: 303 })
  async callback(
    @Param('agency') agency: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const host = this.hosts.get(agency);
    takeCookie(reply, host, 'login');
    const login = await this.hosts.logins.take(host.agency.id, readCookie(request, host, 'login'));
    const query = request.url.indexOf('?');
    const identified = await host.identification.finish(query < 0 ? '' : request.url.slice(query), login);
    const { identityCode, ...rest } = identified;
    const person = personOf(host.agency, identityCode);
    this.hosts.sessions.end(readCookie(request, host, 'session') ?? '');
    giveCookie(reply, host, 'session', this.hosts.sessions.begin(host.agency.id, person, rest));
    void reply.header('location', `${pathOf(host)}/page?language=${login.language}`);
  }

  @Get()
  @Header('cache-control', 'no-store')
  @ApiCookieAuth('account')
  @ApiOperation({
    summary:
      'Every consent, question and use about who is logged in, whichever agency is concerned; each look is logged',
  })
  @ApiResponse({ status: 200, type: AccountDto })
  async show(@Param('agency') agency: string, @Req() request: FastifyRequest): Promise<AccountDto> {
    const { host, session } = this.loggedIn(agency, request);
    return shownAccount(await this.account.show(host.agency, session), host.agency, session);
  }

  @Get('page')
  @Page("'self'")
  @ApiCookieAuth('account')
  @ApiOperation({ summary: 'The same as a page in the client’s language' })
  @ApiResponse({ status: 200, type: String })
  async page(
    @Param('agency') agency: string,
    @Query() { language }: LanguageQuery,
    @Req() request: FastifyRequest,
  ): Promise<string> {
    const { host, session } = this.loggedIn(agency, request);
    return this.pageOf(await this.account.show(host.agency, session), host, session, language);
  }

  @Post('consents/:id/withdraw')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiCookieAuth('account')
  @ApiOperation({ summary: 'Withdraws a consent, without a reason, where this agency is a party' })
  @ApiResponse({ status: 200, type: ConsentDto })
  async withdraw(
    @Param('agency') agency: string,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Req() request: FastifyRequest,
    @Body() form: FormDto,
  ): Promise<ConsentDto> {
    const { host, session } = this.byForm(agency, request, form);
    return this.account.withdraw(host.agency, session, id);
  }

  @Post('consents/:id/withdraw/page')
  @HttpCode(200)
  @Page("'self'")
  @ApiCookieAuth('account')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiOperation({ summary: 'The same by the page’s button' })
  @ApiResponse({ status: 200, type: String })
  async withdrawByPage(
    @Param('agency') agency: string,
    @Param('id', ParseUUIDPipe) id: ConsentId,
    @Query() { language }: LanguageQuery,
    @Req() request: FastifyRequest,
    @Body() form: FormDto,
  ): Promise<string> {
    const { host, session } = this.byForm(agency, request, form);
    const withdrawn = await this.account.withdraw(host.agency, session, id);
    return withdrawnPage(withdrawn, await this.setting(host, session, language, false));
  }

  @Post('other')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiCookieAuth('account')
  @ApiOperation({ summary: 'The account of somebody for whom who is logged in decides; stays chosen' })
  @ApiResponse({ status: 200, type: AccountDto })
  async other(
    @Param('agency') agency: string,
    @Req() request: FastifyRequest,
    @Body() form: OtherDto,
  ): Promise<AccountDto> {
    const { host, session } = this.byForm(agency, request, form);
    const account = await this.account.showOther(host.agency, session, form.identityCode);
    return shownAccount(account, host.agency, session);
  }

  @Post('other/page')
  @HttpCode(200)
  @Page("'self'")
  @ApiCookieAuth('account')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiOperation({ summary: 'The same by the page’s button' })
  @ApiResponse({ status: 200, type: String })
  async otherByPage(
    @Param('agency') agency: string,
    @Query() { language }: LanguageQuery,
    @Req() request: FastifyRequest,
    @Body() form: OtherDto,
  ): Promise<string> {
    const { host, session } = this.byForm(agency, request, form);
    const account = await this.account.showOther(host.agency, session, form.identityCode);
    return this.pageOf(account, host, session, language);
  }

  @Post('self/page')
  @HttpCode(303)
  @Header('cache-control', 'no-store')
  @ApiCookieAuth('account')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiOperation({ summary: 'Back to the own account' })
  @ApiResponse({ status: 303 })
  self(
    @Param('agency') agency: string,
    @Query() { language }: LanguageQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() form: FormDto,
  ): void {
    const { host, session } = this.byForm(agency, request, form);
    session.about = { ...session.person, isProtected: false };
    void reply.header('location', `${pathOf(host)}/page?language=${language}`);
  }

  @Post('logout')
  @HttpCode(303)
  @Header('cache-control', 'no-store')
  @ApiCookieAuth('account')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: FormDto })
  @ApiOperation({ summary: 'Ends it here; leads to a page that nobody is logged in' })
  @ApiResponse({ status: 303 })
  logOut(
    @Param('agency') agency: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() form: FormDto,
  ): void {
    const { host } = this.byForm(agency, request, form);
    this.hosts.sessions.end(readCookie(request, host, 'session') ?? '');
    takeCookie(reply, host, 'session');
    void reply.header('location', `${pathOf(host)}/page`);
  }

  private loggedIn(agency: string, request: FastifyRequest): LoggedIn {
    const host = this.hosts.get(agency);
    return { host, session: this.hosts.sessions.get(host.agency.id, readCookie(request, host, 'session')) };
  }

  private byForm(agency: string, request: FastifyRequest, { formToken }: FormDto): LoggedIn {
    const host = this.hosts.get(agency);
    const secret = readCookie(request, host, 'session');
    return { host, session: this.hosts.sessions.getForForm(host.agency.id, secret, formToken) };
  }

  private async pageOf(
    account: Account,
    host: AccountHost,
    session: AccountSession,
    language: string,
  ): Promise<string> {
    return accountPage(account, await this.setting(host, session, language, account.namesWithheld));
  }

  private async setting(
    host: AccountHost,
    { formToken }: AccountSession,
    language: string,
    namesWithheld: boolean,
  ): Promise<AccountSetting> {
    const today = dayInHelsinki(this.clock.now());
    return {
      notice: this.notices.inForce(language, today),
      names: await this.directory.agencyNames(),
      namesWithheld,
      person: undefined,
      deciders: [],
      officer: undefined,
      agency: host.agency.id,
      at: pathOf(host),
      formToken,
      languages: this.notices.current(today),
    };
  }
}

/** As the public sees it, whatever a proxy puts before it. */
const pathOf = ({ settings }: AccountHost): string =>
  new URL(settings.redirectUri).pathname.slice(0, -'/callback'.length);
